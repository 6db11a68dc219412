"""Deleting objects that nothing names: a page of a listing at a time, judged again under the project's lock."""

import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.operations.retention.ownership import bucket_is_ours
from axons_service.operations.retention.references import References, project_references
from axons_service.sites.models import Site
from axons_service.storage import keys, objects
from axons_service.storage.models import Deletion, SweepPass
from axons_service.storage.objects import StoredObject

PAGE = 1000
RETRY = timedelta(minutes=5)
PASS_EVERY = timedelta(days=1)
ORPHANS = "orphans"
PROJECT = re.compile(r"sites/\d+/projects/([0-9a-f-]{36})/")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collected:
    """What one page came to. `last` is the key to go on after; None when the prefix is done."""

    deleted: int = 0
    bytes: int = 0
    last: str | None = None
    waits: bool = False


def orphan_age() -> timedelta:
    """How old an object that nothing names must be before the orphan pass takes it."""
    return timedelta(hours=settings.AXONS_ORPHAN_GRACE_HOURS)


def prefix_collect(
    *, project_id: UUID, prefix: str, after: str = "", older_than: datetime | None = None, dry_run: bool = False
) -> Collected:
    """Delete the garbage among the next thousand objects below a prefix of a project.

    The lock keeps everyone away who could begin to name one of them. `waits` says that a set is being prepared, so
    that its pictures have to be looked at again. Raises FileNotFoundError or ValueError for an unreadable manifest.
    """
    found = PROJECT.match(prefix)
    if found is None or UUID(found[1]) != project_id:
        raise ValueError(f"{prefix} is not below the prefix of the project {project_id}.")
    page = objects.list_page(prefix, after=after, limit=PAGE)
    last = page[-1].key if len(page) == PAGE else None
    old = [each for each in page if older_than is None or each.modified_at < older_than]
    pictures: dict[str, frozenset[str]] = {}
    references = project_references(project_id, pictures)
    if dry_run or not _garbage(old, references, found[0]):
        doomed = _garbage(old, references, found[0])
        return Collected(len(doomed), sum(each.bytes for each in doomed), last, references.is_preparing)
    with transaction.atomic():
        list(Project.objects.select_for_update(no_key=True).filter(pk=project_id).values_list("pk"))
        references = project_references(project_id, pictures)
        doomed = _garbage(old, references, found[0])
        objects.delete((each.key for each in doomed), patient=False)  # heartbeats of the project wait for the lock
    return Collected(len(doomed), sum(each.bytes for each in doomed), last, references.is_preparing)


def deletions_drain(*, limit: int = 20) -> int:
    """Work on the deletions that are due; how many objects went. Killed anywhere, the next call goes on from there."""
    deleted = 0
    due = Deletion.objects.filter(not_before__lte=timezone.now()).order_by("not_before")
    for deletion in due[:limit]:
        try:
            deleted += _drain(deletion)
        except Exception:
            logger.exception("%s could not be cleared and waits %s", deletion.prefix, RETRY)
            Deletion.objects.filter(pk=deletion.pk).update(not_before=timezone.now() + RETRY)
    return deleted


def orphans_collect(*, pages: int = 20) -> SweepPass:
    """Go on with the daily pass over all projects' objects, at most `pages` pages; returns how far it is.

    Only sites that are registered here are looked at: another deployment may share the bucket. In the bucket of
    another database nothing is deleted.
    """
    state, _ = SweepPass.objects.get_or_create(name=ORPHANS)
    now = timezone.now()
    if state.started_at is None or (state.finished_at is not None and state.started_at < now - PASS_EVERY):
        state.cursor, state.started_at, state.finished_at = "", now, None
        state.objects_deleted = state.bytes_deleted = 0
        state.save()
    if state.finished_at is not None:
        return state
    if not bucket_is_ours():
        logger.error(
            "The bucket %s belongs to another database: nothing in it is taken for garbage. If that database is gone "
            "for good, run `axons-service storage_prepare --take-over`.",
            objects.bucket(),
        )
        state.finished_at = now
        state.save(update_fields=["finished_at"])
        return state
    for prefix in _project_prefixes(state.cursor):
        if pages <= 0:
            break
        within = state.cursor if state.cursor.startswith(prefix) else ""
        pages = _project_pages(state, prefix, within, pages)
    if pages > 0:
        state.finished_at = timezone.now()
        state.save(update_fields=["finished_at"])
    state.refresh_from_db()
    return state


def orphans_count() -> Collected:
    """What a whole orphan pass would delete now; nothing is."""
    count = size = 0
    for prefix in _project_prefixes(""):
        after: str | None = ""
        while after is not None:
            page = prefix_collect(
                project_id=_project_id(prefix),
                prefix=prefix,
                after=after,
                older_than=timezone.now() - orphan_age(),
                dry_run=True,
            )
            count, size, after = count + page.deleted, size + page.bytes, page.last
    return Collected(count, size)


def _garbage(page: list[StoredObject], references: References, project_prefix: str) -> list[StoredObject]:
    return [each for each in page if references.is_garbage(each.key, project_prefix)]


def _drain(deletion: Deletion) -> int:
    page = prefix_collect(project_id=deletion.project_id, prefix=deletion.prefix, after=deletion.cursor)
    # asked for once more meanwhile: then it begins anew
    mine = Deletion.objects.filter(pk=deletion.pk, cursor=deletion.cursor, not_before=deletion.not_before)
    if page.last is not None:
        mine.update(cursor=page.last)
    elif page.waits:
        mine.update(cursor="", not_before=timezone.now() + RETRY)
    else:
        mine.delete()
    return page.deleted


def _project_pages(state: SweepPass, prefix: str, after: str | None, pages: int) -> int:
    """Collect one project page by page and note after each how far it came; returns the pages that are left."""
    while after is not None and pages > 0:
        pages -= 1
        try:
            page = prefix_collect(
                project_id=_project_id(prefix),
                prefix=prefix,
                after=after,
                older_than=timezone.now() - orphan_age(),
            )
        except Exception:
            logger.exception("%s was left out of the orphan pass", prefix)
            page = Collected()
        after = page.last
        # "~" sorts after every key of ours: the project is done
        state.cursor = f"{prefix}~" if after is None else after
        SweepPass.objects.filter(pk=state.pk).update(
            cursor=state.cursor,
            objects_deleted=F("objects_deleted") + page.deleted,
            bytes_deleted=F("bytes_deleted") + page.bytes,
        )
    return pages


def _project_prefixes(cursor: str) -> Iterator[str]:
    """The prefixes of all projects of our sites that have objects, in order, from where the cursor stands."""
    sites = Site.objects.values_list("pk", flat=True)
    for folder in sorted(f"{keys.site_prefix(pk)}projects/" for pk in sites):
        if cursor[: len(folder)] > folder:
            continue  # this site is done
        after = ""
        if cursor.startswith(folder) and (half := PROJECT.match(cursor)) is not None:
            after = f"{half[0]}~"
            if cursor != after:  # stores differ in whether a listing after a key shows that key's own folder
                yield half[0]
        for prefix in objects.list_folders(folder, after=after):
            if PROJECT.fullmatch(prefix):
                yield prefix


def _project_id(prefix: str) -> UUID:
    found = PROJECT.match(prefix)
    assert found is not None, "listed prefixes were matched before"
    return UUID(found[1])
