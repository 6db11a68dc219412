"""Every write of uploads and training sets that a request asks for; the slow part is `prepare`."""

import logging
import unicodedata
from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from typing import Any, TypedDict
from uuid import UUID

from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.jobs.models import Job
from axons_service.jobs.states import LIVE
from axons_service.operations.messages import message_publish
from axons_service.operations.problems import Problem
from axons_service.operations.retention.quotas import quota_reserve
from axons_service.storage import keys, objects
from axons_service.training_sets import selectors
from axons_service.training_sets.models import TrainingSet, Upload

MAX_FILES = 100
MAX_BYTES = 20 * 1024 * 1024
MAX_WAITING_UPLOADS = 2000
MAX_ADDITIONS = 2000
MAX_CHANGES = 5000
MAX_LABEL_LENGTH = 60
MAX_ARCHIVE_BYTES = 1024 * 1024 * 1024
CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp")
ARCHIVE_TYPES = ("application/zip", "application/x-zip-compressed")
UPLOAD_LIFE = timedelta(hours=24)

logger = logging.getLogger(__name__)


class FileOffer(TypedDict):
    """A file that a browser would like to upload."""

    name: str
    bytes: int
    content_type: str


class Refusal(TypedDict):
    name: str
    reason: str


def uploads_create(*, project: Project, purpose: str, files: list[FileOffer]) -> tuple[list[Upload], list[Refusal]]:
    """Make room for uploads; files of a wrong kind or size are refused one by one, each with its sentence."""
    if not 1 <= len(files) <= MAX_FILES:
        raise Problem(422, "too_many_files", f"Send 1 to {MAX_FILES} files at a time. You sent {len(files)}.")
    if purpose != Upload.Purpose.PREDICTION and not project.spec.body["own_pictures"]:
        raise Problem(403, "own_pictures_off", "This exercise does not take pictures of your own.")
    waiting = Upload.objects.filter(project=project).count()
    if waiting + len(files) > MAX_WAITING_UPLOADS:
        raise Problem(422, "too_many_uploads", f"At most {MAX_WAITING_UPLOADS} uploads may wait at once. Try tomorrow.")
    accepted: list[Upload] = []
    refused: list[Refusal] = []
    now = timezone.now()
    for file in files:
        name = file_name(file["name"])
        reason = _refusal(name, file, purpose)
        if reason is not None:
            refused.append({"name": name, "reason": reason})
            continue
        upload = Upload(
            project=project,
            purpose=purpose,
            name=name,
            bytes=file["bytes"],
            content_type=file["content_type"],
            created_at=now,
        )
        upload.key = keys.tmp_key(upload)
        accepted.append(upload)
    with transaction.atomic():
        quota_reserve(project=project, wanted=sum(upload.bytes for upload in accepted))
        Upload.objects.bulk_create(accepted)
    return accepted, refused


def file_name(name: str) -> str:
    """The last part of a path, in one normal form, without control characters, at most 255 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    normal = unicodedata.normalize("NFC", last)
    visible = "".join(character for character in normal if unicodedata.category(character)[0] != "C")
    return visible.strip()[:255] or "unnamed"


def _refusal(name: str, file: FileOffer, purpose: str) -> str | None:
    archive = purpose == Upload.Purpose.ARCHIVE
    largest, what = (MAX_ARCHIVE_BYTES, "zip file") if archive else (MAX_BYTES, "picture")
    if file["bytes"] < 1:
        return f"{name} is empty."
    if file["bytes"] > largest:
        size = file["bytes"] / 1024 / 1024
        return f"{name} is too large: {size:.1f} MiB. Allowed are {largest // 1024 // 1024} MiB per {what}."
    if file["content_type"] not in (ARCHIVE_TYPES if archive else CONTENT_TYPES):
        return f"{name} is not a zip file." if archive else f"{name} is not a JPEG, PNG or WebP picture."
    return None


def training_set_create(
    *,
    project: Project,
    base: UUID | None,
    additions: list[dict[str, Any]],
    exclusions: list[str],
    relabels: dict[str, str],
    idempotency_key: str,
) -> tuple[TrainingSet, bool]:
    """The project's next training set, still `preparing`, and whether it was created now (same key: the same set)."""
    request = {
        "base": str(base) if base else None,
        "additions": [{"upload": str(each["upload"]), "label": each["label"].strip()} for each in additions],
        "exclusions": exclusions,
        "relabels": relabels,
    }
    with transaction.atomic():
        version_lock(project)
        first = version_repeated(project, idempotency_key, request)
        if first is not None:
            return first, False
        _check_size(request)
        parent = selectors.usable_base(project, base) if base else None
        _check_uploads(project, additions)
        return version_add(project=project, parent=parent, request=request, idempotency_key=idempotency_key), True


def version_lock(project: Project) -> int:
    """Hold the project's version counter until commit; the newest version, 0 without any."""
    Project.objects.select_for_update().get(pk=project.pk)
    return TrainingSet.objects.filter(project=project).aggregate(newest=Max("version"))["newest"] or 0


def version_add(
    *,
    project: Project,
    parent: TrainingSet | None,
    request: dict[str, Any],
    idempotency_key: str,
    title: str = "",
) -> TrainingSet:
    """The project's next version, still `preparing`; the caller holds `version_lock`."""
    version = version_lock(project) + 1
    training_set = TrainingSet.objects.create(
        site_id=project.exercise.site_id,
        project=project,
        kind=TrainingSet.Kind.PROJECT,
        title=f"{title[:180]}, version {version}" if title else _title(parent, version),
        version=version,
        parent=parent,
        starter=_starter(project, parent),
        request=request,
        licence=parent.licence if parent else "",
        credits=parent.credits if parent else "",
        idempotency_key=idempotency_key,
    )
    prepare_publish(training_set.pk)
    return training_set


def version_repeated(project: Project, idempotency_key: str, request: dict[str, Any]) -> TrainingSet | None:
    """The version that this key made before. Raises Problem 422 when it was asked for something else then."""
    first = TrainingSet.objects.filter(project=project, idempotency_key=idempotency_key).first()
    if first is not None and first.request != request:
        raise Problem(
            422,
            "idempotency_mismatch",
            "This Idempotency-Key was used for another request. Send a new key with a new request.",
        )
    return first


def prepare_publish(training_set_id: UUID) -> None:
    """Ask a worker after the commit. A lost message costs a delay: `prepare_lost` finds the row."""
    from axons_service.training_sets.tasks import prepare

    message_publish(prepare, str(training_set_id))


@transaction.atomic
def uploads_sweep(*, limit: int = 1000) -> int:
    """Delete uploads that nothing took within a day; how many. What a living job or a preparing set needs stays."""
    needed = Job.objects.filter(state__in=LIVE, upload__isnull=False).values("upload")
    preparing = TrainingSet.objects.filter(state=TrainingSet.State.PREPARING, project__isnull=False).values("project")
    due = Upload.objects.filter(created_at__lt=timezone.now() - UPLOAD_LIFE)
    due = due.exclude(pk__in=needed).exclude(project__in=preparing)
    old = list(due.order_by("created_at")[:limit])
    uploads_delete(uploads=old)
    return len(old)


def uploads_delete(*, uploads: list[Upload]) -> None:
    """Delete uploads and, after the commit, their objects."""
    doomed = [upload.key for upload in uploads]
    Upload.objects.filter(pk__in=[upload.pk for upload in uploads]).delete()
    if doomed:
        transaction.on_commit(partial(objects.delete, doomed), robust=True)


def _check_size(request: dict[str, Any]) -> None:
    additions, changes = len(request["additions"]), len(request["exclusions"]) + len(request["relabels"])
    if additions + changes == 0:
        raise Problem(422, "nothing_to_do", "Add, remove or relabel at least one picture.")
    if changes and request["base"] is None:
        raise Problem(422, "base_missing", "Removing and relabelling need a training set to start from.")
    if additions > MAX_ADDITIONS:
        raise Problem(422, "too_many_files", f"Add at most {MAX_ADDITIONS} pictures at a time. You sent {additions}.")
    if changes > MAX_CHANGES:
        raise Problem(422, "too_many_changes", f"Change at most {MAX_CHANGES} pictures at a time. You sent {changes}.")
    labels_check({each["label"] for each in request["additions"]} | set(request["relabels"].values()))


def labels_check(labels: Iterable[str]) -> None:
    """Raises Problem 422 for the first that cannot be a class's name."""
    for label in labels:
        if not 1 <= len(label) <= MAX_LABEL_LENGTH or any(unicodedata.category(c)[0] == "C" for c in label):
            raise Problem(422, "label_invalid", f"A label has 1 to {MAX_LABEL_LENGTH} letters: “{label[:80]}” has not.")


def _check_uploads(project: Project, additions: list[dict[str, Any]]) -> None:
    ids = [each["upload"] for each in additions]
    if len(set(ids)) != len(ids):
        raise Problem(422, "upload_repeated", "The same upload is named twice.")
    if ids and not project.spec.body["own_pictures"]:
        raise Problem(403, "own_pictures_off", "This exercise does not take pictures of your own.")
    found = selectors.uploads_of(project, ids, purpose=Upload.Purpose.TRAINING_SET)
    if len(found) != len(ids):
        raise Problem(422, "upload_unknown", "One of the uploads is not in your project. Upload the pictures again.")


def _starter(project: Project, parent: TrainingSet | None) -> TrainingSet | None:
    if parent is None:
        name = project.spec.body.get("starter_set")
        return selectors.library_set(project.exercise.site, kind=TrainingSet.Kind.STARTER, name=name) if name else None
    return parent if parent.kind == TrainingSet.Kind.STARTER else parent.starter


def _title(parent: TrainingSet | None, version: int) -> str:
    if parent is None:
        return f"My pictures, version {version}"
    root = parent.title.split(", version ")[0]
    return f"{root}, version {version}"[:200]
