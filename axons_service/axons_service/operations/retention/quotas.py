"""Storage quotas, counted from the rows: what is stored, what is in the trash, and what uploads have reserved.

An upload reserves its declared size (the store takes no other) until it is taken or a day old. Requests of one course
reserve one after the other, under the lock of its policy, so that no two of them see the same room.
"""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Sum

from axons_service.exercises.models import Project
from axons_service.jobs.models import Checkpoint, Job, Model
from axons_service.operations.problems import Problem
from axons_service.storage.models import CoursePolicy, Trash
from axons_service.training_sets.models import TrainingSet, Upload

NEAR = 0.8
SOURCES: tuple[tuple[Any, str, str], ...] = (
    (Upload, "", "bytes"),
    (TrainingSet, "", "stored_bytes"),
    (Model, "", "stored_bytes"),
    (Job, "", "stored_bytes"),
    (Checkpoint, "job__", "bytes"),
)


def _sum_of(model: Any, prefix: str, field: str) -> str:
    own = f"job_id IN (SELECT id FROM {Job._meta.db_table} WHERE project_id = %s)" if prefix else "project_id = %s"
    return f"(SELECT COALESCE(SUM({field}), 0) FROM {model._meta.db_table} WHERE {own})"


PROJECT_BYTES = f"SELECT {' + '.join(_sum_of(*source) for source in SOURCES)}"


@dataclass(frozen=True)
class Room:
    """Bytes used and allowed; `quota` is None where there is no limit."""

    used: int
    quota: int | None

    @property
    def share(self) -> float:
        return self.used / self.quota if self.quota else 0.0

    def takes(self, wanted: int) -> bool:
        return self.quota is None or self.used + wanted <= self.quota


def bytes_text(count: int) -> str:
    """1.5 GiB, 200 MiB, 12 KiB, for sentences."""
    for unit, size in (("GiB", 1024**3), ("MiB", 1024**2), ("KiB", 1024)):
        if count >= size:
            return f"{count / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} bytes"


def used_bytes(**of: Any) -> int:
    """What is stored or reserved, over the projects that the lookups (`project=…`, `project__exercise__…=`) name.

    One query: the sum of each table, one below the other.
    """
    sums = []
    for model, prefix, field in SOURCES:
        lookups = {f"{prefix}{name}": value for name, value in of.items()}
        rows = model.objects.filter(**lookups).order_by().values(next(iter(lookups)))
        sums.append(rows.annotate(total=Sum(field)).values_list("total", flat=True))
    return sum(total or 0 for total in sums[0].union(*sums[1:], all=True))


def project_bytes(project: Project) -> int:
    """`used_bytes` of one project, which every training asks before it begins."""
    own = Project._meta.pk.get_db_prep_value(project.pk, connection)
    with connection.cursor() as cursor:
        cursor.execute(PROJECT_BYTES, [own] * len(SOURCES))
        (used,) = cursor.fetchone()
    return int(used)


def policy_of(project: Project) -> CoursePolicy:
    """The policy of the project's course; an unsaved one, with nothing set, before its first upload."""
    exercise = project.exercise
    found = CoursePolicy.objects.filter(site=exercise.site_id, course_key=exercise.course_key).first()
    return found or CoursePolicy(site_id=exercise.site_id, course_key=exercise.course_key)


def learner_room(project: Project, policy: CoursePolicy) -> Room:
    own = policy.learner_quota_bytes
    quota = settings.AXONS_LEARNER_QUOTA_BYTES if own is None else own
    return Room(project_bytes(project), quota or None)


def course_quota(policy: CoursePolicy) -> int | None:
    own = policy.course_quota_bytes
    return (settings.AXONS_COURSE_QUOTA_BYTES if own is None else own) or None


def course_count(policy: CoursePolicy) -> Room:
    """Count a whole course and remember the sum, for the pages that show it."""
    used = used_bytes(project__exercise__site=policy.site_id, project__exercise__course_key=policy.course_key)
    CoursePolicy.objects.filter(pk=policy.pk).update(used_bytes=used)
    return Room(used, course_quota(policy))


def quota_reserve(*, project: Project, wanted: int) -> None:
    """See that there is room for `wanted` bytes; call in the transaction that writes the rows which count.

    Raises Problem 409 `storage_full` or `course_storage_full`, with a sentence that says what fills it.
    """
    exercise = project.exercise
    key: dict[str, Any] = {"site_id": exercise.site_id, "course_key": exercise.course_key}
    CoursePolicy.objects.get_or_create(**key)
    policy = CoursePolicy.objects.select_for_update(no_key=True).get(**key)
    own = learner_room(project, policy)
    if not own.takes(wanted):
        raise Problem(409, "storage_full", _full(project, own, wanted))
    if course_quota(policy) is not None:
        course = course_count(policy)
        if not course.takes(wanted):
            raise Problem(409, "course_storage_full", _course_full(course, wanted))


def quota_check(*, project: Project) -> None:
    """See that the learner's room is not used up before a job begins; what a job leaves is always kept.

    Raises Problem 409 `storage_full` or `course_storage_full`.
    """
    policy = policy_of(project)
    own = learner_room(project, policy)
    if own.quota is not None and own.used >= own.quota:
        raise Problem(409, "storage_full", _full(project, own, 0))
    course = Room(policy.used_bytes, course_quota(policy))
    if course.quota is not None and course.used >= course.quota:
        # The remembered sum may be old: before saying no, count.
        course = course_count(policy)
        if course.quota is not None and course.used >= course.quota:
            raise Problem(409, "course_storage_full", _course_full(course, 0))


def storage_state(project: Project) -> dict[str, Any]:
    """The project's storage as its page shows it; `message` is a sentence from 80 % on, else null."""
    policy = policy_of(project)
    own = learner_room(project, policy)
    course = Room(policy.used_bytes, course_quota(policy))
    trashed = _trashed(project)
    level, message = "ok", None
    if own.share >= 1:
        level, message = "full", _full(project, own, 0)
    elif course.share >= 1:
        level, message = "full", _course_full(course, 0)
    elif own.share >= NEAR:
        level, message = "near", _near(own, trashed)
    elif course.share >= NEAR:
        level = "near"
        message = (
            f"The work of all learners fills {bytes_text(course.used)} of the {_quota(course)} of this course. "
            "Delete what you no longer need before it is full."
        )
    return {
        "used_bytes": own.used,
        "quota_bytes": own.quota,
        "trash_bytes": trashed,
        "level": level,
        "message": message,
    }


def _trashed(project: Project) -> int:
    entries = Trash.objects.filter(project=project, restored_at__isnull=True, purged_at__isnull=True)
    return entries.aggregate(total=Sum("bytes"))["total"] or 0


def _quota(room: Room) -> str:
    return bytes_text(room.quota or 0)


def _near(room: Room, trashed: int) -> str:
    return (
        f"Your pictures, runs and models here fill {bytes_text(room.used)} of {_quota(room)} ({room.share:.0%}). "
        f"Delete what you no longer need before it is full{_with_trash(trashed)}."
    )


def _full(project: Project, room: Room, wanted: int) -> str:
    need = f", and this needs {bytes_text(wanted)} more" if wanted else ""
    return (
        f"Your pictures, runs and models here fill {bytes_text(room.used)} of {_quota(room)}{need}. Nothing is lost. "
        f"Delete training sets, runs or models that you no longer need{_with_trash(_trashed(project))}; then try again."
    )


def _with_trash(trashed: int) -> str:
    return f", and empty the trash, which holds {bytes_text(trashed)} of it" if trashed else ", then empty the trash"


def _course_full(room: Room, wanted: int) -> str:
    need = f", and this needs {bytes_text(wanted)} more" if wanted else ""
    return (
        f"The work of all learners fills {bytes_text(room.used)} of the {_quota(room)} of this course{need}. "
        "Nothing is lost. Delete what you no longer need, and tell your educator that the course needs more room."
    )
