"""From uploads to a frozen training set: every file checked, blobs and shards stored, the manifest last.

A set is prepared in slices of bounded length, each a task of its own. Safe to run twice, also at once, and to kill at
any point: what was found lies in the set's journal, every key follows from content, the row's claim number fences off a
worker that was taken for dead, and the row becomes `ready` by compare-and-swap.
"""

import logging
import tempfile
import time
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
from axons_service.training_sets.balance import set_warnings
from axons_service.training_sets.checking import LocalCopies, files_check
from axons_service.training_sets.drafts import Draft, SetFailed, draft_make
from axons_service.training_sets.journal import Journal, journal_key
from axons_service.training_sets.kept import archive_forget
from axons_service.training_sets.leakage import leakage_check
from axons_service.training_sets.models import TrainingSet, Upload
from axons_service.training_sets.publishing import library_set_build
from axons_service.training_sets.reports import report_store
from axons_service.training_sets.selectors import fixed_classes
from axons_service.training_sets.serializers import training_set_output
from axons_service.training_sets.services import prepare_publish, uploads_delete
from axons_service.training_sets.shards import shards_store
from axons_service.training_sets.sources import Sources, sources_open

SLICE_SECONDS = 20.0
BEAT_SECONDS = 1.0
JOURNAL_SECONDS = 3.0
STALE = timedelta(seconds=60)
UNHEARD = timedelta(seconds=15)  # after that the message of a set that nobody began is taken for lost
MAX_TRIES = 3
OUR_FAULT = "The training set could not be prepared. This is our fault; your pictures are fine. Please try again."

logger = logging.getLogger(__name__)


class ClaimLost(Exception):
    """Another worker has the set, or it is done."""


@dataclass
class Work:
    """One worker's slice of one set."""

    training_set: TrainingSet
    claim: int
    scratch: Path
    beat: float = field(default_factory=time.monotonic)

    def tick(self, checked: int | None = None) -> None:
        """A sign of life and of progress once a second. Raises ClaimLost when the set is no longer ours."""
        if time.monotonic() - self.beat < BEAT_SECONDS:
            return
        self.beat = time.monotonic()
        self.hold() if checked is None else self.hold(checked=checked)
        if checked is not None:
            _tell(self.training_set)

    def hold(self, **values: Any) -> None:
        """Write values to the row, if it is still ours. Raises ClaimLost otherwise."""
        mine = TrainingSet.objects.filter(
            pk=self.training_set.pk, prepare_claim=self.claim, state=TrainingSet.State.PREPARING
        )
        if mine.update(**{"prepare_beat_at": timezone.now(), **values}) != 1:
            raise ClaimLost
        for name, value in values.items():
            setattr(self.training_set, name, value)


def training_set_prepare(*, training_set_id: UUID) -> bool:
    """Prepare a set that waits for it, or a slice of it; whether this call froze the set (ready or failed)."""
    claim = _claim(training_set_id)
    if claim is None:
        return False
    training_set = TrainingSet.objects.select_related(
        "project__spec", "project__exercise__site", "parent__project__exercise", "starter"
    ).get(pk=training_set_id)
    with tempfile.TemporaryDirectory(prefix="axons-prepare-") as scratch:
        work = Work(training_set, claim, Path(scratch))
        try:
            return _prepare(work) if training_set.project is not None else _publish(work)
        except SetFailed as failed:
            changes = {"state": TrainingSet.State.FAILED, "message": str(failed)}
            return _finish(training_set, {**changes, **report_store(training_set, failed.report)})
        except ClaimLost:
            logger.info("training set %s: another worker went on", training_set_id)
            return False


def training_sets_rescue(*, limit: int = 50) -> int:
    """Ask again for sets whose message or worker was lost; fail those that made no progress in three tries."""
    now = timezone.now()
    silent = Q(prepare_beat_at__lt=now - STALE) | Q(prepare_beat_at__isnull=True, created_at__lt=now - UNHEARD)
    lost = TrainingSet.objects.filter(silent, state=TrainingSet.State.PREPARING)
    for training_set in lost.select_related("project__exercise").order_by("created_at")[:limit]:
        if training_set.prepare_tries >= MAX_TRIES:
            logger.error("training set %s: gave up after %s tries", training_set.pk, training_set.prepare_tries)
            _finish(training_set, {"state": TrainingSet.State.FAILED, "message": OUR_FAULT})
        else:
            prepare_publish(training_set.pk)
    return len(lost)


def _claim(training_set_id: UUID) -> int | None:
    """Take the set for this worker: one update that only one of several can win; its fencing number."""
    now = timezone.now()
    free = Q(prepare_beat_at__isnull=True) | Q(prepare_beat_at__lt=now - STALE)
    waiting = TrainingSet.objects.filter(free, pk=training_set_id, state=TrainingSet.State.PREPARING)
    waiting = waiting.filter(prepare_tries__lt=MAX_TRIES)
    with transaction.atomic():
        taken = waiting.update(
            prepare_beat_at=now, prepare_tries=F("prepare_tries") + 1, prepare_claim=F("prepare_claim") + 1
        )
        if taken != 1:
            return None
        return TrainingSet.objects.values_list("prepare_claim", flat=True).get(pk=training_set_id)


def _prepare(work: Work) -> bool:
    training_set = work.training_set
    assert training_set.project is not None, "library sets are published"
    prefix = keys.project_prefix(training_set.project)
    journal = Journal(training_set)
    copies = LocalCopies(prefix)
    sources = sources_open(training_set)
    if not _check(work, journal, sources, copies):
        work.hold(prepare_beat_at=None, prepare_tries=0)
        prepare_publish(training_set.pk)
        return False
    base = manifests.manifest_read(training_set.parent) if training_set.parent is not None else None
    draft = draft_make(
        base=base,
        fixed=fixed_classes(training_set.project, training_set.starter),
        order=sources.classes,
        request=training_set.request,
        additions=sources.additions,
        findings=journal.findings,
        tick=work.tick,
        task=training_set.task,
        refused=sources.refused,
    )
    return _freeze(work, draft, list(base["shards"]) if base is not None else [], copies)


def _publish(work: Work) -> bool:
    """A set of the library, from the draft that an author published, or a slice of the way there."""
    until = time.monotonic() + SLICE_SECONDS
    ready = library_set_build(work.training_set, hold=work.hold, tick=work.tick, until=until)
    if ready is None:
        work.hold(checked=work.training_set.checked, prepare_beat_at=None, prepare_tries=0)
        prepare_publish(work.training_set.pk)
        return False
    work.hold()
    return _finish(work.training_set, ready)


def _check(work: Work, journal: Journal, sources: Sources, copies: LocalCopies) -> bool:
    """Check what the journal does not know yet, for one slice; whether all is known."""
    unknown = [file for file in sources.files if file.identity not in journal.findings]
    until = time.monotonic() + SLICE_SECONDS
    saved = time.monotonic()
    work.hold(to_check=len(sources.files), checked=len(sources.files) - len(unknown))
    try:
        for file, finding, path in files_check(unknown, prefix=copies.prefix, scratch=work.scratch, until=until):
            journal.findings[file.identity] = finding
            if "sha256" in finding:
                copies.add(finding, path)
            work.tick(checked=len(journal.findings))
            if time.monotonic() - saved >= JOURNAL_SECONDS:
                journal.save()
                work.hold(prepare_tries=0)
                saved = time.monotonic()
    finally:
        journal.save()
    work.hold(checked=len(journal.findings))
    return len(journal.findings) >= len(sources.files)


def _freeze(work: Work, draft: Draft, shards: list[manifests.Shard], copies: LocalCopies) -> bool:
    """Store shards and, last, the manifest; then the row."""
    training_set = work.training_set
    prefix = keys.training_set_prefix(training_set)
    shards = shards + shards_store(
        draft.fresh, read=copies.read, prefix=prefix, scratch=work.scratch, tick=work.tick, masks=draft.masks
    )
    manifest = draft.manifest(shards, work.tick)
    data, digest = manifests.manifest_encode(manifest)
    counts = manifests.image_counts(draft.images, draft.classes)
    ready = {
        "state": TrainingSet.State.READY,
        "classes": draft.classes,
        "counts": counts,
        "image_count": len(draft.images),
        "manifest_key": f"{prefix}manifest.json",
        "manifest_sha256": digest,
        "content_sha256": manifests.content_sha256(draft.classes, draft.images),
        "shards": shards,
        "stored_bytes": manifests.stored_bytes(shards, prefix),
        "warnings": set_warnings(counts, manifest.get("near_duplicates", []), training_set.task),
        "message": "",
        **report_store(training_set, draft.report),
    }
    # Once another worker has frozen the set its uploads are gone, and what we decided may be wrong: look first.
    work.hold()
    objects.put_bytes(ready["manifest_key"], data, "application/json")
    leakage_check(training_set, images=draft.images)
    return _finish(training_set, ready)


@transaction.atomic
def _finish(training_set: TrainingSet, changes: dict[str, Any]) -> bool:
    """Freeze the set, once: compare-and-swap on `preparing`; tell the watchers and let the uploads go.

    The uploads of a set that failed stay, until the sweep, so that they can be asked for again.
    """
    preparing = TrainingSet.objects.filter(pk=training_set.pk, state=TrainingSet.State.PREPARING)
    if preparing.update(**changes) != 1:
        return False
    training_set.refresh_from_db()
    if training_set.request.get("archive"):
        archive_forget(training_set.request["archive"])
    if training_set.project is None:
        return True
    _tell(training_set)
    if training_set.state == TrainingSet.State.READY:
        taken = [each["upload"] for each in training_set.request.get("additions", [])]
        taken += [training_set.request["archive"]] if training_set.request.get("archive") else []
        uploads_delete(uploads=list(Upload.objects.filter(pk__in=taken, project=training_set.project)))
        transaction.on_commit(lambda: objects.delete([journal_key(training_set)]), robust=True)
    return True


def _tell(training_set: TrainingSet) -> None:
    """Tell those who watch the project; nobody watches the library."""
    if training_set.project is None:
        return
    data = {"training_set": training_set_output(training_set)}
    event_append(project=training_set.project, job=None, kind="training_set", data=data)
