"""What age alone takes away: checkpoints of finished jobs, what lies under tmp/, the work of courses that ended, and
drafts of library sets that nobody goes on with."""

import logging
import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from axons_service.exercises.models import Project, Spec
from axons_service.exercises.workshops import WORKSHOP
from axons_service.jobs.models import Checkpoint, Job, Model
from axons_service.jobs.services.moves import job_lock
from axons_service.jobs.states import TERMINAL
from axons_service.operations.retention.trash import deletion_queue, project_trash
from axons_service.storage import keys, objects
from axons_service.storage.models import CoursePolicy, SweepPass, Trash
from axons_service.training_sets.models import TrainingSet, Upload

CHECKPOINT_LIFE = timedelta(days=7)
TMP_LIFE = timedelta(days=1)
WORKSHOP_LIFE = timedelta(days=90)
TMP_UPLOAD = re.compile(r"tmp/\d{4}-\d{2}-\d{2}/([0-9a-f]{8}-[0-9a-f-]{27})/.+")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Swept:
    """Things and the bytes that they filled."""

    count: int = 0
    bytes: int = 0


def checkpoints_surplus() -> QuerySet[Checkpoint]:
    """Checkpoints of jobs that were over 7 days ago, but for each job's best: the furthest, which a later run needs."""
    cutoff = timezone.now() - CHECKPOINT_LIFE
    further = Checkpoint.objects.filter(job=OuterRef("job")).filter(
        Q(step__gt=OuterRef("step")) | Q(step=OuterRef("step"), attempt__gt=OuterRef("attempt"))
    )
    over = Checkpoint.objects.filter(created_at__lt=cutoff, job__state__in=TERMINAL, job__finished_at__lt=cutoff)
    return over.filter(Exists(further))


def checkpoints_sweep(*, limit: int = 50) -> Swept:
    """Give up the surplus checkpoints of some jobs; their objects follow with the deletions."""
    count = size = 0
    jobs = checkpoints_surplus().order_by("job").values_list("job", flat=True).distinct()
    for job_id in jobs[:limit]:
        with transaction.atomic():
            job = job_lock(job_id)
            surplus = list(checkpoints_surplus().filter(job=job))
            if not surplus:
                continue
            deletion_queue(project_id=job.project_id, prefix=f"{keys.project_prefix(job.project)}jobs/{job.pk}/")
            Checkpoint.objects.filter(pk__in=[each.pk for each in surplus]).delete()
        count, size = count + len(surplus), size + sum(each.bytes for each in surplus)
    return Swept(count, size)


def tmp_sweep(*, pages: int = 10, dry_run: bool = False) -> Swept:
    """Delete what lies under tmp/ for more than a day and belongs to no upload that still waits.

    Bucket rules do the same where the store knows them.
    """
    count = size = 0
    after: str | None = ""
    while after is not None and pages > 0:
        page = objects.list_page("tmp/", after=after)
        pages -= 1
        after = page[-1].key if len(page) == 1000 else None
        old = [each for each in page if each.modified_at < timezone.now() - TMP_LIFE]
        owners = {each.key: UUID(found[1]) for each in old if (found := TMP_UPLOAD.fullmatch(each.key))}
        waiting = set(Upload.objects.filter(pk__in=set(owners.values())).values_list("pk", flat=True))
        doomed = [each for each in old if owners.get(each.key) not in waiting]
        if not dry_run:
            objects.delete(each.key for each in doomed)
        count, size = count + len(doomed), size + sum(each.bytes for each in doomed)
    return Swept(count, size)


def multiparts_sweep() -> int:
    """Give up uploads in parts that were left a day ago; how many."""
    return objects.multiparts_abort(older_than=timezone.now() - TMP_LIFE)


def ended_policies(today: date | None = None) -> list[CoursePolicy]:
    """The courses whose retention is over."""
    day = today or timezone.now().date()
    dated = CoursePolicy.objects.filter(ends_on__isnull=False, retention_days__isnull=False, ends_on__lt=day)
    return [policy for policy in dated if policy_over_on(policy) <= day]


def course_projects(policy: CoursePolicy, *, older_than: datetime) -> QuerySet[Project]:
    """The course's projects that still have something that old outside of the trash."""
    old = Q(created_at__lt=older_than, trash__isnull=True) & (Q(kept_at__isnull=True) | Q(kept_at__lt=older_than))
    of = {"project": OuterRef("pk")}
    has = (
        Exists(TrainingSet.objects.filter(old, **of))
        | Exists(Job.objects.filter(old, **of, state__in=TERMINAL))
        | Exists(Model.objects.filter(old, **of))
    )
    return Project.objects.filter(
        has, exercise__site=policy.site_id, exercise__course_key=policy.course_key
    ).select_related("exercise")


def courses_sweep(*, limit: int = 50) -> int:
    """Put the learners' work of ended courses into the trash, some projects a call; how many projects.

    What was made or restored within the retention time stays: somebody is still at work. What was handed in stays.
    """
    done = 0
    for policy in ended_policies():
        state, _ = SweepPass.objects.get_or_create(name=f"course-{policy.pk}")
        due = course_projects(policy, older_than=course_cutoff(policy)).order_by("pk")
        if state.cursor:
            due = due.filter(pk__gt=UUID(state.cursor))
        batch = list(due[: limit - done])
        for project in batch:
            done += _put_away(
                project,
                older_than=course_cutoff(policy),
                title="Everything here: the course has ended",
                reason=Trash.Reason.COURSE_ENDED,
            )
        # projects whose only things are in use are passed by, and come again with the next round
        state.cursor = str(batch[-1].pk) if batch else ""
        state.save(update_fields=["cursor"])
        if done >= limit:
            break
    return done


def course_cutoff(policy: CoursePolicy) -> datetime:
    """What was made before this goes to the trash."""
    return timezone.now() - timedelta(days=policy.retention_days or 0)


def _put_away(project: Project, *, older_than: datetime, title: str, reason: str) -> bool:
    """Put a project into the trash; whether there was anything. One that cannot be does not stop the others."""
    try:
        return project_trash(project=project, older_than=older_than, title=title, reason=reason) is not None
    except Exception:
        logger.exception("project %s could not be put away (%s)", project.pk, title)
        return False


def workshops_idle() -> QuerySet[Project]:
    """Authors' workshops with drafts in which nothing was made or restored for 90 days."""
    cutoff = timezone.now() - WORKSHOP_LIFE
    drafts = TrainingSet.objects.filter(project=OuterRef("pk"))
    recent = drafts.filter(Q(created_at__gte=cutoff) | Q(kept_at__gte=cutoff))
    workshops = Project.objects.filter(spec__in=Spec.objects.filter(body__kind=WORKSHOP))
    return workshops.filter(Exists(drafts.filter(trash__isnull=True)), ~Exists(recent)).select_related("exercise")


def workshops_sweep(*, limit: int = 50) -> int:
    """Put forgotten drafts into the trash, some workshops a call; how many. What was published from them stays."""
    cutoff = timezone.now() - WORKSHOP_LIFE
    title = f"Drafts that nobody touched for {WORKSHOP_LIFE.days} days"
    idle = list(workshops_idle().order_by("pk")[:limit])
    return sum(_put_away(each, older_than=cutoff, title=title, reason=Trash.Reason.PERSON) for each in idle)


def policy_over_on(policy: CoursePolicy) -> date:
    """The first day on which the course's work goes to the trash."""
    assert policy.ends_on is not None, "only dated policies come here"
    assert policy.retention_days is not None, "only dated policies come here"
    return policy.ends_on + timedelta(days=policy.retention_days + 1)
