"""Publishing: an author's draft becomes a set of the library, a new one or the next version of one of their course.

A published version never changes. An exercise names its content, so that it keeps the version that its author chose.
"""

import hashlib
import logging
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Max, QuerySet, Sum
from django.utils.text import slugify

from axons_service.exercises.models import Project
from axons_service.operations.problems import FieldError, Problem
from axons_service.operations.retention.quotas import bytes_text
from axons_service.sites.callers import Caller
from axons_service.sites.models import Site
from axons_service.storage import keys
from axons_service.training_sets.leakage import Match, leakage_find
from axons_service.training_sets.manifests import content_sha256, manifest_read
from axons_service.training_sets.models import TrainingSet
from axons_service.training_sets.publishing import published_images
from axons_service.training_sets.selectors import library_set
from axons_service.training_sets.services import prepare_publish
from axons_service.training_sets.set_names import set_name

MAX_NAMED = 200
OTHER = {TrainingSet.Kind.STARTER: TrainingSet.Kind.HIDDEN, TrainingSet.Kind.HIDDEN: TrainingSet.Kind.STARTER}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Publication:
    """What an author publishes. `set` is the course's set whose next version this is, null for a new set; `against`
    names the exercise's set of the other kind, which the pictures are compared with."""

    training_set: UUID
    kind: str
    set: UUID | None
    title: str
    description: str
    licence: str
    credits: str
    against: str | None
    despite_leakage: bool


def library_set_publish(*, caller: Caller, project: Project, asked: Publication) -> tuple[TrainingSet, bool]:
    """The library set, still `preparing`, and whether it was made now: what is published already is given again.

    Raises Problem 409 `leakage_found` with the pictures that are, or look like, pictures of the exercise's other set.
    """
    draft = _draft(project, asked.training_set)
    images = published_images(manifest_read(draft)["images"], asked.kind)
    if not asked.despite_leakage:
        _check_leakage(caller, draft, asked)
    content = content_sha256(draft.classes, images)
    with transaction.atomic():
        site = Site.objects.select_for_update(no_key=True).get(pk=caller.site.pk)
        name, title = _named(site, caller.course, asked, content)
        rows = TrainingSet.objects.filter(site=site, project__isnull=True, name=name)
        same = rows.exclude(state=TrainingSet.State.FAILED).filter(content_sha256=content).first()
        if same is not None:
            return _said_anew(same, title, asked), False
        size = _size(draft, asked.kind)
        _check_room(site, caller.course, size)
        published = TrainingSet.objects.create(
            site=site,
            kind=asked.kind,
            task=draft.task,
            name=name,
            title=title,
            version=(rows.aggregate(newest=Max("version"))["newest"] or 0) + 1,
            classes=draft.classes,
            image_count=draft.image_count,
            content_sha256=content,
            request={"draft": str(draft.pk)},
            description=asked.description.strip(),
            licence=asked.licence.strip(),
            credits=asked.credits.strip(),
            course_key=caller.course,
            published_by=caller.learner,
            stored_bytes=size,
        )
        prepare_publish(published.pk)
    logger.info(
        "%s published %s version %s (%s, %s pictures) for %s",
        caller.learner, name, published.version, asked.kind, published.image_count, caller.course,
    )  # fmt: skip
    return published, True


def _said_anew(published: TrainingSet, title: str, asked: Publication) -> TrainingSet:
    """The same pictures with other words beside them: what is said of a set is no part of its content."""
    words = {"title": title, **{name: getattr(asked, name).strip() for name in ("description", "licence", "credits")}}
    for name, value in words.items():
        setattr(published, name, value)
    published.save(update_fields=list(words))
    return published


def _size(draft: TrainingSet, kind: str) -> int:
    """About how many bytes the library grows by: each picture in its shard and by itself. A fork's shards are there."""
    own = keys.owner_prefix(draft)
    is_hidden = kind == TrainingSet.Kind.HIDDEN
    copied: list[int] = [shard["bytes"] for shard in draft.shards if is_hidden or shard["key"].startswith(own)]
    return 2 * sum(copied)


def publication_for(caller: Caller, publication_id: UUID) -> TrainingSet:
    """A set that the caller's course published. Raises Problem 404 for anything else."""
    owned = TrainingSet.objects.filter(site=caller.site, project__isnull=True, course_key=caller.course)
    found = owned.filter(pk=publication_id).first()
    if found is None or not found.course_key:
        raise Problem(404, "not_found", "There is no such set of this course.")
    return found


def _draft(project: Project, training_set_id: UUID) -> TrainingSet:
    draft = TrainingSet.objects.filter(project=project, pk=training_set_id, purged_at__isnull=True).first()
    if draft is None:
        raise Problem(404, "not_found", "There is no such training set, or it is not yours.")
    if draft.state != TrainingSet.State.READY:
        raise Problem(409, "training_set_not_ready", "This training set is not ready yet. Wait for it, then try again.")
    if draft.trash_id is not None:
        raise Problem(409, "in_trash", "This training set is in the trash. Restore it first, then publish it.")
    return draft


def _named(site: Site, course: str, asked: Publication, content: str) -> tuple[str, str]:
    """Name and title under which it is published. The caller holds the site's row."""
    library = TrainingSet.objects.filter(site=site, project__isnull=True)
    owned = library.filter(course_key=course, kind=asked.kind)
    title = asked.title.strip()
    if asked.set is not None:
        found = owned.filter(pk=asked.set).first()
        if found is None:
            raise Problem(404, "not_found", "There is no such set of this course.")
        return found.name, title or found.title
    if not title:
        raise _wrong("title", "Give the set a title of 1 to 200 letters.")
    there = owned.filter(title=title).exclude(state=TrainingSet.State.FAILED)
    if (same := there.filter(content_sha256=content).first()) is not None:
        return same.name, title
    if there.exists():
        sentence = f"This course has a set “{title}” already. Publish its next version, or give this one another title."
        raise _wrong("title", sentence)
    return _free(slugify(title)[:80] or f"set-{hashlib.sha256(title.encode()).hexdigest()[:8]}", library), title


def _free(wished: str, library: QuerySet[TrainingSet]) -> str:
    taken = set(library.filter(name__startswith=wished).values_list("name", flat=True))
    name, number = wished, 2
    while name in taken:
        name, number = f"{wished}-{number}", number + 1
    return name


def _wrong(field: str, sentence: str) -> Problem:
    return Problem(422, "publication_invalid", sentence, [{"field": field, "message": sentence}])


def _check_leakage(caller: Caller, draft: TrainingSet, asked: Publication) -> None:
    """Compare the draft with the set that students are scored on, or with the one that they learn from."""
    if not asked.against:
        return
    other = library_set(caller.site, kind=OTHER[TrainingSet.Kind(asked.kind)], name=asked.against)
    if other is None:
        return
    matches = leakage_find(manifest_read(draft)["images"], manifest_read(other)["images"])
    if not matches:
        return
    exact = sum(each["kind"] == "exact" for each in matches)
    where = "hidden test set" if other.kind == TrainingSet.Kind.HIDDEN else "starter set"
    sentence = (
        f"{exact} of these pictures are in the {where} “{other.title}” and {len(matches) - exact} look almost like one "
        "in it. A model that has seen what it is scored on says nothing. Leave them out, then publish."
    )
    raise Problem(409, "leakage_found", sentence, [_finding(each, where) for each in matches[:MAX_NAMED]])


def _finding(match: Match, where: str) -> FieldError:
    how = "is" if match["kind"] == "exact" else "looks almost like"
    return {
        "field": match["sha256"],
        "message": f"{match['name']} ({match['label']}) {how} {match['hidden_name']} of the {where}.",
    }


def _check_room(site: Site, course: str, wanted: int) -> None:
    most = settings.AXONS_COURSE_LIBRARY_BYTES
    rows = TrainingSet.objects.filter(site=site, project__isnull=True, course_key=course)
    used = rows.exclude(state=TrainingSet.State.FAILED).aggregate(total=Sum("stored_bytes"))["total"] or 0
    if most and used + wanted > most:
        sentence = (
            f"The sets that this course has published fill {bytes_text(used)} of {bytes_text(most)}; this one needs "
            f"{bytes_text(wanted)}. Publish fewer pictures, or ask the administrator of the training service for room."
        )
        raise Problem(409, "library_full", sentence)


def publication_output(published: TrainingSet) -> dict[str, Any]:
    """A published set as its author sees it."""
    return {
        "id": str(published.pk),
        "name": set_name(published),
        "title": published.title,
        "kind": published.kind,
        "version": published.version,
        "state": published.state,
        "image_count": published.image_count,
        "content_sha256": published.content_sha256,
        "progress": {"done": published.checked, "total": published.to_check} if published.to_check else None,
        "message": published.message or None,
    }
