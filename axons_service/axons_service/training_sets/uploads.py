"""Files on their way from a browser to the store: declared, put by presigned URL, confirmed, taken or discarded.

Every write here may be repeated, since answers get lost: a file is known by the id that its browser made for it.
"""

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict
from uuid import UUID

from django.db import transaction
from django.db.models import Q, Sum
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.operations.problems import Problem
from axons_service.operations.retention.quotas import quota_reserve
from axons_service.storage import keys, objects
from axons_service.training_sets.models import TrainingSet, Upload
from axons_service.training_sets.services import uploads_delete, uploads_unused

MAX_FILES = 100
MAX_BYTES = 20 * 1024**2
MAX_WAITING_UPLOADS = 2500
MAX_WAITING_BYTES = 10 * 1024**3
MAX_ARCHIVE_BYTES = 1024**3
MAX_BATCH_BYTES = 256 * 1024**2
CONTENT_TYPES = ("image/jpeg", "image/png", "image/webp")
ARCHIVE_TYPES = ("application/zip", "application/x-zip-compressed")
LARGEST = {
    Upload.Purpose.ARCHIVE: (MAX_ARCHIVE_BYTES, "zip file"),
    Upload.Purpose.PREDICTION_ARCHIVE: (MAX_BATCH_BYTES, "zip file"),
}
OF_INFERENCE = (Upload.Purpose.PREDICTION, Upload.Purpose.PREDICTION_ARCHIVE)


class FileOffer(TypedDict):
    """A file that a browser would like to upload. `client_id` and `sha256` are empty when the browser has none."""

    name: str
    bytes: int
    content_type: str
    client_id: NotRequired[str]
    sha256: NotRequired[str]
    label: NotRequired[str]


class Refusal(TypedDict):
    """A file that is not taken, with the sentence that says why."""

    client_id: str
    name: str
    code: str
    reason: str


class Missing(TypedDict):
    """An upload that cannot be used as it is, with the sentence that says why."""

    id: str
    name: str
    code: str
    reason: str


@dataclass
class Declaration:
    """What became of declared files: (client id, upload) in the order of the request, and the refused ones."""

    uploads: list[tuple[str, Upload]] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)


@dataclass
class Confirmation:
    """Which uploads lie in the store in full, and which do not."""

    arrived: list[Upload] = field(default_factory=list)
    missing: list[Missing] = field(default_factory=list)


def uploads_declare(*, project: Project, purpose: str, files: list[FileOffer]) -> Declaration:
    """Make room for files; those of a wrong kind or size are refused one by one, each with its sentence.

    The same `client_id` gives the same upload, and what arrived in the meantime is marked as arrived. A file whose
    SHA-256 an arrived upload of the project has is that upload: nothing needs to be sent.
    """
    if not 1 <= len(files) <= MAX_FILES:
        raise Problem(422, "too_many_files", f"Send 1 to {MAX_FILES} files at a time. You sent {len(files)}.")
    if purpose not in OF_INFERENCE and not project.spec.body["own_pictures"]:
        raise Problem(403, "own_pictures_off", "This exercise does not take pictures of your own.")
    declaration = Declaration()
    fresh: list[Upload] = []
    moved: list[Upload] = []
    with transaction.atomic():
        Project.objects.select_for_update().get(pk=project.pk)
        known = _known(project, files)
        twins = _twins(project, purpose, files)
        for file in files:
            name, client_id = file_name(file["name"]), file.get("client_id", "")
            earlier = known.get(client_id)
            refusal = _refusal(name, file, purpose) or _contradiction(name, earlier, purpose, file)
            if refusal is not None:
                code, reason = refusal
                declaration.refused.append({"client_id": client_id, "name": name, "code": code, "reason": reason})
                continue
            if earlier is not None and file.get("label", earlier.label) != earlier.label:
                earlier.label = file["label"]
                moved.append(earlier)
            upload = earlier or twins.get(file.get("sha256", ""))
            if upload is None:
                upload = _upload(project, purpose, name, file)
                fresh.append(upload)
                if client_id:
                    known[client_id] = upload
            declaration.uploads.append((client_id, upload))
        declared_check(project=project, uploads=fresh)
        Upload.objects.bulk_create(fresh)
        Upload.objects.bulk_update([upload for upload in moved if upload not in fresh], ["label"])
    created = {upload.pk for upload in fresh}
    _look(upload for _, upload in declaration.uploads if upload.pk not in created and upload.arrived_at is None)
    return declaration


def declared_check(*, project: Project, uploads: list[Upload]) -> None:
    """The one place where declared bytes are known before any is sent; called under the project's row lock.

    Raises Problem 422 when the project would have too many files, or too many bytes, on their way, and what
    `quota_reserve` raises when there is no room for them.
    """
    if not uploads:
        return
    quota_reserve(project=project, wanted=sum(upload.bytes for upload in uploads))
    waiting = Upload.objects.filter(project=project)
    count = waiting.count() + len(uploads)
    if count > MAX_WAITING_UPLOADS:
        sentence = (
            f"At most {MAX_WAITING_UPLOADS:,} pictures may wait to be saved; with these it would be {count:,}. "
            "Save what you have as a training set first, or throw it away."
        )
        raise Problem(422, "too_many_uploads", sentence)
    size = (waiting.aggregate(total=Sum("bytes"))["total"] or 0) + sum(upload.bytes for upload in uploads)
    if size > MAX_WAITING_BYTES:
        sentence = (
            f"At most {MAX_WAITING_BYTES / 1024**3:.0f} GiB of pictures may wait to be saved; with these it would be "
            f"{size / 1024**3:.1f} GiB. Save what you have as a training set first, or send smaller pictures."
        )
        raise Problem(422, "too_many_bytes", sentence)


def uploads_confirm(*, project: Project, ids: list[UUID]) -> Confirmation:
    """Look into the store for uploads that a browser says it has sent."""
    if not 1 <= len(ids) <= MAX_FILES:
        raise Problem(422, "too_many_files", f"Ask about 1 to {MAX_FILES} uploads at a time. You sent {len(ids)}.")
    found = {upload.pk: upload for upload in Upload.objects.filter(project=project, pk__in=ids)}
    sizes = _look(upload for upload in found.values() if upload.arrived_at is None)
    confirmation = Confirmation()
    for each in dict.fromkeys(ids):
        upload = found.get(each)
        if upload is not None and upload.arrived_at is not None:
            confirmation.arrived.append(upload)
            continue
        code, reason = _gap(upload, sizes.get(each))
        name = upload.name if upload else ""
        confirmation.missing.append({"id": str(each), "name": name, "code": code, "reason": reason})
    return confirmation


@transaction.atomic
def uploads_discard(*, project: Project, ids: list[UUID]) -> int:
    """Throw uploads away, with their objects; how many. Those that a training set or a job still needs stay."""
    doomed = list(uploads_unused(Upload.objects.filter(project=project, pk__in=ids)))
    uploads_delete(uploads=doomed)
    return len(doomed)


def file_name(name: str) -> str:
    """The last part of a path, in one normal form, without control characters, at most 255 characters."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    normal = unicodedata.normalize("NFC", last)
    visible = "".join(character for character in normal if unicodedata.category(character)[0] != "C")
    return visible.strip()[:255] or "unnamed"


def _refusal(name: str, file: FileOffer, purpose: str) -> tuple[str, str] | None:
    """The code and the sentence of a file that cannot be taken."""
    largest, what = LARGEST.get(Upload.Purpose(purpose), (MAX_BYTES, "picture"))
    archive = what == "zip file"
    if file["bytes"] < 1:
        return "empty", f"{name} is empty."
    if file["bytes"] > largest:
        size = file["bytes"] / 1024**2
        reason = f"{name} is too large: {size:.1f} MiB. Allowed are {largest // 1024**2} MiB per {what}."
        return "too_large", reason
    if file["content_type"] not in (ARCHIVE_TYPES if archive else CONTENT_TYPES):
        kind = "a zip file" if archive else "a JPEG, PNG or WebP picture"
        return "unsupported_type", f"{name} is not {kind}."
    return None


def _contradiction(name: str, earlier: Upload | None, purpose: str, file: FileOffer) -> tuple[str, str] | None:
    """The code and the sentence when this cannot be the file that was declared under the same id."""
    if earlier is None:
        return None
    same = (earlier.bytes, earlier.content_type, earlier.purpose) == (file["bytes"], file["content_type"], purpose)
    if same and file.get("sha256", "") in ("", earlier.sha256):
        return None
    return "changed", f"{name} is not the file that it was before. Choose it again."


def _gap(upload: Upload | None, size: int | None) -> tuple[str, str]:
    """The code and the sentence of an upload that the store does not have in full."""
    if upload is None:
        return "upload_unknown", "This picture is not among your uploads. Choose it again."
    if size is None:
        return "upload_incomplete", f"{upload.name} has not arrived. Send it again."
    sentence = f"{upload.name} arrived with {size:,} bytes instead of {upload.bytes:,}. Send it again."
    return "upload_wrong_size", sentence


def _known(project: Project, files: list[FileOffer]) -> dict[str, Upload]:
    ids = [client_id for file in files if (client_id := file.get("client_id", ""))]
    return {upload.client_id: upload for upload in Upload.objects.filter(project=project, client_id__in=ids)}


def _twins(project: Project, purpose: str, files: list[FileOffer]) -> dict[str, Upload]:
    """Uploads of the project that arrived with one of these contents and that a set may still take, by SHA-256."""
    if purpose != Upload.Purpose.TRAINING_SET:
        return {}  # each inference has a picture of its own, that goes away with it
    hashes = [sha256 for file in files if (sha256 := file.get("sha256", ""))]
    free = Q(taken_by__isnull=True) | Q(taken_by__state=TrainingSet.State.FAILED)
    arrived = Upload.objects.filter(free, project=project, purpose=purpose, sha256__in=hashes, arrived_at__isnull=False)
    sizes = {file.get("sha256", ""): file["bytes"] for file in files}
    return {upload.sha256: upload for upload in arrived if sizes[upload.sha256] == upload.bytes}


def _upload(project: Project, purpose: str, name: str, file: FileOffer) -> Upload:
    upload = Upload(
        project=project,
        purpose=purpose,
        name=name,
        bytes=file["bytes"],
        content_type=file["content_type"],
        client_id=file.get("client_id", ""),
        sha256=file.get("sha256", ""),
        label=file.get("label", ""),
        created_at=timezone.now(),
    )
    upload.key = keys.tmp_key(upload)
    return upload


def _look(uploads: Iterable[Upload]) -> dict[UUID, int | None]:
    """Mark the uploads whose object is there in full; what the store has of each, in bytes."""
    asked = list(uploads)
    heads = objects.heads([upload.key for upload in asked])
    sizes: dict[UUID, int | None] = {}
    now = timezone.now()
    for upload in asked:
        head = heads[upload.key]
        sizes[upload.pk] = head["bytes"] if head else None
        if sizes[upload.pk] == upload.bytes:
            upload.arrived_at = now
    here = [upload.pk for upload in asked if upload.arrived_at is not None]
    if here:
        Upload.objects.filter(pk__in=here, arrived_at__isnull=True).update(arrived_at=now)
    return sizes
