"""From uploads to a frozen training set: every file checked, blobs and shards stored, the manifest last.

Safe to run twice, also at once: every key follows from content, and the row becomes `ready` by compare-and-swap.
"""

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from axons_service.jobs.services import event_append
from axons_service.storage import keys, objects
from axons_service.training_sets import manifests
from axons_service.training_sets.models import TrainingSet, Upload
from axons_service.training_sets.pictures import Outcome, Picture, pictures_convert
from axons_service.training_sets.selectors import fixed_classes
from axons_service.training_sets.serializers import training_set_output
from axons_service.training_sets.services import prepare_publish, uploads_delete
from axons_service.training_sets.shards import shards_store

BEAT_SECONDS = 5
STALE = timedelta(seconds=60)
UNHEARD = timedelta(seconds=15)  # after that the message of a set that nobody began is taken for lost
MAX_TRIES = 3
OUR_FAULT = "The training set could not be prepared. This is our fault; your pictures are fine. Please try again."

logger = logging.getLogger(__name__)


class SetFailed(Exception):
    """The set as a whole cannot be used; the sentence says why, the report what became of each file."""

    def __init__(self, sentence: str, report: list[dict[str, Any]]) -> None:
        super().__init__(sentence)
        self.report = report


@dataclass
class Draft:
    """What is known while a set is being prepared."""

    classes: list[str]
    images: list[manifests.Image]
    shards: list[manifests.Shard]
    known: dict[str, str] = field(default_factory=dict)
    report: list[dict[str, Any]] = field(default_factory=list)
    fresh: list[tuple[str, Path]] = field(default_factory=list)

    def note(self, file: str, code: str, reason: str | None = None) -> None:
        self.report.append({"file": file, "accepted": reason is None, "reason": reason, "code": code})


def training_set_prepare(*, training_set_id: UUID) -> bool:
    """Prepare a set that waits for it; False when another worker has it or it is done."""
    if not _claim(training_set_id):
        return False
    training_set = TrainingSet.objects.select_related(
        "project__spec", "project__exercise__site", "parent", "starter"
    ).get(pk=training_set_id)
    with tempfile.TemporaryDirectory(prefix="axons-prepare-") as scratch:
        try:
            return _prepare(training_set, Path(scratch))
        except SetFailed as failed:
            changes = {"state": TrainingSet.State.FAILED, "message": str(failed), "report": failed.report}
            return _finish(training_set, changes)


def training_sets_rescue(*, limit: int = 50) -> int:
    """Ask again for sets whose message or worker was lost; fail those that failed to finish three times."""
    now = timezone.now()
    silent = Q(prepare_beat_at__lt=now - STALE) | Q(prepare_beat_at__isnull=True, created_at__lt=now - UNHEARD)
    lost = TrainingSet.objects.filter(silent, state=TrainingSet.State.PREPARING, project__isnull=False)
    for training_set in lost.select_related("project").order_by("created_at")[:limit]:
        if training_set.prepare_tries >= MAX_TRIES:
            logger.error("training set %s: gave up after %s tries", training_set.pk, training_set.prepare_tries)
            _finish(training_set, {"state": TrainingSet.State.FAILED, "message": OUR_FAULT})
        else:
            prepare_publish(training_set.pk)
    return len(lost)


def _claim(training_set_id: UUID) -> bool:
    """Take the set for this worker: one update that only one of several can win."""
    now = timezone.now()
    free = Q(prepare_beat_at__isnull=True) | Q(prepare_beat_at__lt=now - STALE)
    waiting = TrainingSet.objects.filter(free, pk=training_set_id, state=TrainingSet.State.PREPARING)
    waiting = waiting.filter(prepare_tries__lt=MAX_TRIES)
    return waiting.update(prepare_beat_at=now, prepare_tries=F("prepare_tries") + 1) == 1


def _prepare(training_set: TrainingSet, scratch: Path) -> bool:
    draft = _draft(training_set)
    _change(draft, training_set.request)
    added = _add(draft, training_set, scratch)
    if not any(line["accepted"] for line in draft.report):
        raise SetFailed("None of the pictures and changes could be used; the list says why for each.", draft.report)
    draft.images += manifests.split_assign(draft.images, added)
    counts = manifests.image_counts(draft.images, draft.classes)
    sentence = _gap(draft.classes, counts)
    if sentence:
        raise SetFailed(sentence, draft.report)
    prefix = keys.training_set_prefix(training_set)
    draft.shards += shards_store(draft.fresh, prefix=prefix, scratch=scratch)
    manifest: manifests.Manifest = {
        "version": 1,
        "classes": draft.classes,
        "images": draft.images,
        "shards": draft.shards,
    }
    data, digest = manifests.manifest_encode(manifest)
    manifest_key = f"{prefix}manifest.json"
    objects.put_bytes(manifest_key, data, "application/json")
    ready = {
        "state": TrainingSet.State.READY,
        "classes": draft.classes,
        "counts": counts,
        "image_count": len(draft.images),
        "manifest_key": manifest_key,
        "manifest_sha256": digest,
        "shards": draft.shards,
        "stored_bytes": manifests.stored_bytes(draft.shards, prefix),
        "report": draft.report,
        "message": "",
    }
    return _finish(training_set, ready)


def _draft(training_set: TrainingSet) -> Draft:
    assert training_set.project is not None, "library sets are not prepared here"
    labels = {each["label"] for each in training_set.request["additions"]}
    fixed = fixed_classes(training_set.project, training_set.starter)
    if training_set.parent is None:
        return Draft(classes=fixed or sorted(labels), images=[], shards=[])
    base = manifests.manifest_read(training_set.parent)
    classes = fixed or sorted({*base["classes"], *labels})
    known = {image["sha256"]: image["name"] for image in base["images"]}
    return Draft(classes=classes, images=list(base["images"]), shards=list(base["shards"]), known=known)


def _change(draft: Draft, request: dict[str, Any]) -> None:
    """Leave out and relabel images of the base."""
    for sha256 in [*request["exclusions"], *request["relabels"]]:
        if sha256 not in draft.known:
            draft.note(sha256[:12], "not_found", f"The picture {sha256[:12]}… is not in this training set.")
    excluded = set(request["exclusions"])
    kept: list[manifests.Image] = []
    for image in draft.images:
        label = request["relabels"].get(image["sha256"], image["label"])
        if image["sha256"] in excluded:
            draft.known.pop(image["sha256"])
            draft.note(image["name"], "excluded")
            continue
        if label not in draft.classes:
            draft.note(image["name"], "unknown_label", _unknown_label(image["name"], label, draft.classes))
        elif label != image["label"]:
            draft.note(image["name"], "relabelled")
            image = {**image, "label": label}
        kept.append(image)
    draft.images = kept


def _add(draft: Draft, training_set: TrainingSet, scratch: Path) -> list[manifests.Image]:
    """Check, convert and store the additions, in the order in which they were asked for."""
    asked = training_set.request["additions"]
    uploads = {str(upload.pk): upload for upload in Upload.objects.filter(pk__in=[each["upload"] for each in asked])}
    labels: dict[Path, tuple[str, str]] = {}
    beat = _Beat(training_set.pk)
    assert training_set.project is not None, "only a project's set has additions"
    prefix = keys.project_prefix(training_set.project)

    def fetched() -> Iterator[Picture]:
        for number, each in enumerate(asked):
            beat.tick()
            upload = uploads.get(each["upload"])
            if upload is None:
                draft.note(f"picture {number + 1}", "not_uploaded", f"Picture {number + 1} was not uploaded in time.")
            elif each["label"] not in draft.classes:
                sentence = _unknown_label(upload.name, each["label"], draft.classes)
                draft.note(upload.name, "unknown_label", sentence)
            elif (source := _fetch(upload, scratch / f"{number}.in")) is None:
                draft.note(upload.name, "not_uploaded", f"{upload.name} did not arrive. Upload it again.")
            else:
                raw = _sha256(source)
                if raw in draft.known:
                    _note_duplicate(draft, upload.name, raw)
                    continue
                target = scratch / f"{number}.jpg"
                labels[target] = each["label"], raw
                yield Picture(name=upload.name, source=source, target=target)

    added: list[manifests.Image] = []
    for outcome in pictures_convert(fetched()):
        label, raw = labels[outcome.picture.target]
        image = _take(draft, outcome, label, raw)
        outcome.picture.source.unlink()
        if image is not None:
            key = keys.blob_key(prefix, image["sha256"])
            objects.put_bytes(key, outcome.picture.target.read_bytes(), "image/jpeg")
            draft.fresh.append((image["sha256"], outcome.picture.target))
            added.append(image)
    return added


def _take(draft: Draft, outcome: Outcome, label: str, raw: str) -> manifests.Image | None:
    name = outcome.picture.name
    if not outcome.accepted:
        draft.note(name, outcome.code, outcome.reason)
        return None
    sha256 = _sha256(outcome.picture.target)
    if sha256 in draft.known:
        _note_duplicate(draft, name, sha256)
        return None
    draft.known[sha256] = draft.known[raw] = name
    draft.note(name, "added")
    return {
        "sha256": sha256,
        "label": label,
        "split": "",
        "name": name,
        "width": outcome.width,
        "height": outcome.height,
    }


def _note_duplicate(draft: Draft, name: str, sha256: str) -> None:
    other = draft.known[sha256]
    what = f"the same picture as {other}" if other != name else "in the training set already"
    draft.note(name, "duplicate", f"{name} is {what}; it counts once.")


def _fetch(upload: Upload, path: Path) -> Path | None:
    try:
        with objects.open_stream(upload.key) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)
    except FileNotFoundError:
        return None
    return path


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _unknown_label(name: str, label: str, classes: list[str]) -> str:
    return f"{name} has the label {label}, which this exercise does not know. Allowed are {', '.join(classes)}."


def _gap(classes: list[str], counts: dict[str, dict[str, int]]) -> str:
    """Why nobody can train on these classes; empty when they can."""
    if len(classes) < 2:
        return "A training set needs pictures of at least two classes."
    for label in classes:
        if counts[label]["train"] < 1:
            return f"There is no picture of {label} to train on. Add one or keep one."
    return ""


class _Beat:
    """A sign of life every few seconds, so that nobody takes the set away from a working worker."""

    def __init__(self, training_set_id: UUID) -> None:
        self.training_set_id = training_set_id
        self.last = timezone.now()

    def tick(self) -> None:
        now = timezone.now()
        if (now - self.last).total_seconds() >= BEAT_SECONDS:
            TrainingSet.objects.filter(pk=self.training_set_id).update(prepare_beat_at=now)
            self.last = now


@transaction.atomic
def _finish(training_set: TrainingSet, changes: dict[str, Any]) -> bool:
    """Freeze the set, once: compare-and-swap on `preparing`; tell the watchers and let the uploads go.

    The uploads of a set that failed stay, until the sweep, so that they can be asked for again.
    """
    preparing = TrainingSet.objects.filter(pk=training_set.pk, state=TrainingSet.State.PREPARING)
    if preparing.update(**changes) != 1:
        return False
    training_set.refresh_from_db()
    assert training_set.project is not None, "library sets are not prepared here"
    data = {"training_set": training_set_output(training_set)}
    event_append(project=training_set.project, job=None, kind="training_set", data=data)
    if training_set.state == TrainingSet.State.READY:
        taken = [each["upload"] for each in training_set.request["additions"]]
        uploads_delete(uploads=list(Upload.objects.filter(pk__in=taken, project=training_set.project)))
    return True
