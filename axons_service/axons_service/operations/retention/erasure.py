"""Erasing a learner: every row and every object, at once and for good. Not the trash: a person left the LMS."""

import logging
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from axons_service.compute.models import ComputeUse
from axons_service.exercises.models import Project
from axons_service.grading.models import AuditEntry, DeskLink, DeskTask, Review, Submission
from axons_service.jobs.models import Job, LearnerTurn, Model, Prediction, PredictionBatch
from axons_service.operations.models import IdempotentAnswer
from axons_service.operations.retention.trash import deletion_queue
from axons_service.sites.models import Site
from axons_service.storage import keys, objects
from axons_service.storage.models import Erasure, Trash
from axons_service.training_sets.exports import exports_delete
from axons_service.training_sets.models import TrainingSet, Upload

logger = logging.getLogger(__name__)


def learner_hash(site: Site, learner: str) -> str:
    """What the audit keeps of a learner: nobody finds the id from it, and who knows the id can look it up."""
    return salted_hmac("axons.erasure", f"{site.pk}:{learner}", algorithm="sha256").hexdigest()


def learner_erase(*, site: Site, learner: str, requested_by: str) -> Erasure:
    """Erase a learner of a site: projects with all that is in them, and their name under others' reviews.

    Runners that still work for the learner are refused from now on. Repeats are fine: each is audited, and says how
    many projects and rows it took itself. Killed in between, a repeat takes the rest.
    """
    projects = rows = 0
    owned = Project.objects.select_related("exercise").filter(exercise__site=site, learner=learner)
    for project in owned.order_by("pk"):
        rows += _project_erase(project)
        projects += 1
    reviews = Review.objects.filter(grader=learner, submission__project__exercise__site=site)
    rows += reviews.update(grader="")
    entries = AuditEntry.objects.filter(actor=learner, submission__project__exercise__site=site)
    rows += entries.update(actor="")
    rows += DeskTask.objects.filter(grader=learner, exercise__site=site).update(grader="")
    rows += DeskLink.objects.filter(grader=learner, exercise__site=site).delete()[0]
    locked = Submission.objects.filter(locked_by=learner, project__exercise__site=site)
    rows += locked.update(locked_by="", locked_until=None)
    rows += Trash.objects.filter(deleted_by=learner, project__exercise__site=site).update(deleted_by="")
    rows += TrainingSet.objects.filter(site=site, published_by=learner).update(published_by="")
    for traces in (
        IdempotentAnswer.objects.filter(site=site, learner=learner),
        LearnerTurn.objects.filter(course_turn__limits__site=site, learner=learner),
        ComputeUse.objects.filter(limits__site=site, learner=learner),
    ):
        rows += traces.delete()[0]
    erasure = Erasure.objects.create(
        site=site, learner_hash=learner_hash(site, learner), requested_by=requested_by, projects=projects, rows=rows
    )
    logger.info("site %s: a learner was erased, %s projects and %s rows (audit %s)", site, projects, rows, erasure.pk)
    return erasure


@transaction.atomic
def _project_erase(project: Project) -> int:
    """Delete a project's rows, the referring ones first; its objects are queued in the same transaction."""
    # jobs before their project: the order in which everyone locks
    list(Job.objects.select_for_update().filter(project=project).order_by("pk").values_list("pk"))
    if Project.objects.select_for_update().filter(pk=project.pk).first() is None:
        return 0
    waiting = list(Upload.objects.filter(project=project).values_list("key", flat=True))
    deletion_queue(project_id=project.pk, prefix=keys.project_prefix(project))
    jobs = Job.objects.filter(project=project)
    sets = TrainingSet.objects.filter(project=project)
    doomed: list[QuerySet[Any]] = [
        Submission.objects.filter(project=project),
        Prediction.objects.filter(job__project=project),
        PredictionBatch.objects.filter(job__project=project),
        Model.objects.filter(project=project),
        jobs,
        sets,
        Project.objects.filter(pk=project.pk),
    ]
    # what points from row to row inside the project would protect one from the other
    exports_delete(sets=sets)
    jobs.update(training_set=None, model=None)
    sets.update(parent=None)
    count = sum(rows.delete()[0] for rows in doomed)
    if waiting:
        transaction.on_commit(partial(_uploads_delete, waiting))
    return count


def _uploads_delete(waiting: list[str]) -> None:
    try:
        objects.delete(waiting)
    except Exception:  # the sweep of tmp/ takes them after a day
        logger.warning("uploads of an erased project are left for the sweeper", exc_info=True)
