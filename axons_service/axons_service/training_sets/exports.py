"""A training set as a zip to take home: streamed into the store, a few pictures in memory at a time."""

import json
import logging
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from axons_service.exercises.task_types import CLASSIFICATION, SEGMENTATION
from axons_service.operations.claimed import ClaimLost, row_claim, rows_rescue
from axons_service.operations.messages import message_publish
from axons_service.operations.problems import Problem
from axons_service.storage import keys, objects
from axons_service.storage.multipart import MultipartWriter
from axons_service.training_sets import manifests
from axons_service.training_sets.images import image_keys
from axons_service.training_sets.layout import FORMAT, MANIFEST, export_paths
from axons_service.training_sets.mask_layout import CLASSES, classes_text, masked_paths
from axons_service.training_sets.models import Export, TrainingSet

AT_ONCE = 16
PROGRESS_EVERY = 50
LIFE = timedelta(hours=24)  # a row a day: asking again after this makes a new one
OUR_FAULT = "The zip could not be made. This is our fault; your training set is fine. Please try again."

logger = logging.getLogger(__name__)


def export_create(*, training_set: TrainingSet) -> tuple[Export, bool]:
    """The set's zip of today, and whether it was asked for now: asking again gives the same one."""
    if training_set.kind == TrainingSet.Kind.HIDDEN:
        raise ValueError("A hidden test set is not exported.")
    if training_set.state != TrainingSet.State.READY:
        raise Problem(409, "training_set_not_ready", "This training set is not ready yet. Wait for it, then try again.")
    with transaction.atomic():
        export, created = Export.objects.get_or_create(
            training_set=training_set, day=timezone.now().date(), defaults={"total": training_set.image_count}
        )
        failed = Export.objects.filter(pk=export.pk, state=Export.State.FAILED)
        again = failed.update(state=Export.State.PREPARING, tries=0, done=0, message="", beat_at=None) == 1
        if created or again:
            export_publish(export.pk)
    export.refresh_from_db()
    return export, created or again


def export_publish(export_id: UUID) -> None:
    """Ask a worker after the commit. A lost message costs a delay: `exports_rescue` finds the row."""
    from axons_service.training_sets.tasks import export

    message_publish(export, str(export_id))


def export_build(*, export_id: UUID) -> bool:
    """Make the zip of an export that waits for it; False when another worker has it or it is done."""
    if not row_claim(Export.objects.filter(pk=export_id, state=Export.State.PREPARING)):
        return False
    export = Export.objects.select_related(
        "training_set__project__exercise", "training_set__starter", "training_set__site"
    ).get(pk=export_id)
    mine = Export.objects.filter(pk=export.pk, claim=export.claim, state=Export.State.PREPARING)

    def progress(done: int) -> None:
        if mine.update(done=done, beat_at=timezone.now()) != 1:
            raise ClaimLost

    try:
        with MultipartWriter(keys.export_key(export), "application/zip") as target:
            _write(target, export.training_set, progress)
            progress(export.training_set.image_count)
        return mine.update(state=Export.State.READY, bytes=target.written, beat_at=timezone.now()) == 1
    except ClaimLost:
        logger.info("export %s: another worker went on", export_id)
        return False


def exports_rescue(*, limit: int = 50) -> int:
    """Ask again for exports whose message or worker was lost; fail those that failed three times."""
    return rows_rescue(
        Export.objects.filter(state=Export.State.PREPARING),
        publish=export_publish,
        failed=Export.State.FAILED,
        message=OUR_FAULT,
        limit=limit,
    )


def exports_delete(*, sets: QuerySet[TrainingSet]) -> int:
    """Delete the zips of sets that are given up: the rows now, the objects after the commit. How many."""
    doomed = list(Export.objects.filter(training_set__in=sets))
    zips = [keys.export_key(export) for export in doomed]
    Export.objects.filter(pk__in=[export.pk for export in doomed]).delete()
    if zips:
        transaction.on_commit(partial(objects.delete, zips), robust=True)  # what is left is swept by its date
    return len(zips)


def export_output(export: Export) -> dict[str, Any]:
    """The export as JSON-ready values, with a presigned URL while there is something to fetch."""
    expired = timezone.now() - export.created_at > LIFE
    url = None
    if export.state == Export.State.READY and not expired:
        name = f"{export.training_set.title}.zip"
        url = objects.presigned_get(keys.export_key(export), filename=name, content_type="application/zip")
    return {
        "id": str(export.pk),
        "training_set": str(export.training_set_id),
        "state": "expired" if expired else export.state,
        "done": export.done,
        "total": export.total,
        "bytes": export.bytes or None,
        "url": url,
        "message": export.message or None,
        "created_at": export.created_at.isoformat(),
    }


def _write(target: MultipartWriter, training_set: TrainingSet, progress: Callable[[int], None]) -> None:
    manifest = manifests.manifest_read(training_set)
    placed, masks = _placed(manifest)
    hashes = [image["sha256"] for _, image in placed]
    hashes += [sha256 for sha256, _ in masks.values()]
    places = image_keys(training_set, hashes)
    description = {
        "format": FORMAT,
        "version": 1,
        "title": training_set.title,
        "licence": training_set.licence,
        "content_sha256": manifests.content_sha256(manifest["classes"], manifest["images"]),
        "classes": manifest["classes"],
        "images": [{"path": path, **image} for path, image in placed],
    }
    if training_set.task != CLASSIFICATION:
        description["task"] = training_set.task
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, MANIFEST, json.dumps(description, indent=1, ensure_ascii=False, sort_keys=True).encode())
        if training_set.task == SEGMENTATION:
            _add(archive, CLASSES, classes_text(manifest["classes"]))
        if training_set.licence:
            _add(archive, "LICENSES/LICENCE.txt", f"{training_set.licence}\n".encode())
        if training_set.credits:
            _add(archive, "LICENSES/CREDITS.md", training_set.credits.encode())
        contents = _contents([places[image["sha256"]] for _, image in placed])
        for done, ((path, _), data) in enumerate(zip(placed, contents, strict=True), start=1):
            _add(archive, path, data)
            if done % PROGRESS_EVERY == 0:
                progress(done)
        drawn = _contents([places[sha256] for sha256, _ in masks.values()]) if masks else iter(())
        for done, ((_, path), data) in enumerate(zip(masks.values(), drawn, strict=True), start=1):
            _add(archive, path, data)
            if done % PROGRESS_EVERY == 0:
                progress(len(placed))


def _placed(manifest: manifests.Manifest) -> tuple[list[tuple[str, manifests.Image]], dict[str, tuple[str, str]]]:
    """Where the images go in the zip, and their masks: {image's hash: (mask's hash, path)}."""
    if manifest.get("task") != SEGMENTATION:
        return export_paths(manifest["images"], manifest["classes"]), {}
    both = masked_paths(manifest["images"])
    masks = {image["sha256"]: (image["mask"]["sha256"], path) for _, path, image in both}
    return [(path, image) for path, _, image in both], masks


def _contents(wanted: list[str]) -> Iterator[bytes]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for start in range(0, len(wanted), AT_ONCE):
            yield from pool.map(objects.get_bytes, wanted[start : start + AT_ONCE])


def _add(archive: zipfile.ZipFile, path: str, data: bytes) -> None:
    """A member without a time of its own: the same set gives the same zip."""
    member = zipfile.ZipInfo(path, date_time=(1980, 1, 1, 0, 0, 0))
    member.external_attr = 0o100644 << 16
    archive.writestr(member, data)
