"""Changes of a training set by hand: each makes a new version, and nobody overwrites what they have not seen."""

from typing import TypedDict
from uuid import UUID

from django.db import transaction

from axons_service.exercises.models import Project
from axons_service.exercises.task_types import SEGMENTATION
from axons_service.operations.problems import Problem
from axons_service.training_sets import selectors
from axons_service.training_sets.models import TrainingSet, Upload
from axons_service.training_sets.services import (
    MAX_CHANGES,
    labels_check,
    masks_decide,
    version_add,
    version_lock,
    version_repeated,
)


class Split(TypedDict):
    """A split made anew: this share of each class validates, chosen by the seed."""

    validation: float
    seed: int


class Changes(TypedDict):
    """What is to change; images by content hash. `renames` to a class that exists merges the two."""

    exclusions: list[str]
    inclusions: list[str]
    relabels: dict[str, str]
    renames: dict[str, str]
    splits: dict[str, str]
    split: Split | None


def training_set_change(
    *, project: Project, base: UUID, newest: int, changes: Changes, idempotency_key: str
) -> tuple[TrainingSet, bool]:
    """The version that these changes of `base` make, still `preparing`, and whether it was created now.

    `newest` is the project's newest version that the person has seen (0: none). Raises Problem 409 when there is a
    newer one by now, 422 when nothing is to change or a change is not allowed.
    """
    changes = {**changes, "renames": {old: new.strip() for old, new in changes["renames"].items()}}
    request = {"base": str(base), "newest": newest, **changes}
    with transaction.atomic():
        found = version_lock(project)
        first = version_repeated(project, idempotency_key, request)
        if first is not None:
            return first, False
        _check_newest(found, newest)
        parent = selectors.usable_base(project, base)
        _check(project, parent, changes)
        return version_add(project=project, parent=parent, request=request, idempotency_key=idempotency_key), True


def training_set_revert(*, project: Project, to: UUID, newest: int, idempotency_key: str) -> tuple[TrainingSet, bool]:
    """A new version that is what an older one was. Raises Problem 409 as `training_set_change` does."""
    with transaction.atomic():
        found = version_lock(project)
        version = TrainingSet.objects.filter(pk=to).values_list("version", flat=True).first()
        request = {"base": str(to), "newest": newest, "reverted_to": version}
        first = version_repeated(project, idempotency_key, request)
        if first is not None:
            return first, False
        parent = selectors.usable_base(project, to)
        _check_newest(found, newest)
        return version_add(project=project, parent=parent, request=request, idempotency_key=idempotency_key), True


def training_set_import(*, project: Project, upload: UUID, idempotency_key: str) -> tuple[TrainingSet, bool]:
    """A version from an uploaded zip, in the ImageFolder layout or with masks as `mask_layout` says; `preparing`."""
    request = {"archive": str(upload)}
    with transaction.atomic():
        version_lock(project)
        first = version_repeated(project, idempotency_key, request)
        if first is not None:
            return first, False
        if not project.spec.body["own_pictures"]:
            raise Problem(403, "own_pictures_off", "This exercise does not take pictures of your own.")
        found = selectors.uploads_of(project, [upload], purpose=Upload.Purpose.ARCHIVE).get(upload)
        if found is None:
            raise Problem(422, "upload_unknown", "The zip file is not in your project. Upload it again.")
        title = found.name.rsplit(".", 1)[0]
        made = version_add(project=project, parent=None, request=request, idempotency_key=idempotency_key, title=title)
        Upload.objects.filter(pk=found.pk).update(taken_by=made)
        return made, True


def _check_newest(found: int, seen: int) -> None:
    if found != seen:
        sentence = (
            f"Version {found} was made meanwhile, perhaps in another window. Look at it, then make your change again."
        )
        raise Problem(409, "version_conflict", sentence)


def _check(project: Project, parent: TrainingSet, changes: Changes) -> None:
    pictures = sum(len(changes[name]) for name in ("exclusions", "inclusions", "relabels", "splits"))
    renames = changes["renames"]
    if not pictures and not renames and changes["split"] is None:
        raise Problem(422, "nothing_to_do", "Change at least one picture, class or the split.")
    if pictures > MAX_CHANGES:
        raise Problem(422, "too_many_changes", f"Change at most {MAX_CHANGES} pictures at a time. You sent {pictures}.")
    if set(changes["exclusions"]) & set(changes["inclusions"]):
        raise Problem(422, "changes_contradict", "A picture cannot be left out and taken in at once.")
    if parent.task == SEGMENTATION and (changes["relabels"] or renames):
        raise masks_decide()
    labels_check([*changes["relabels"].values(), *renames.values()])
    fixed = selectors.fixed_classes(project, parent if parent.kind == TrainingSet.Kind.STARTER else parent.starter)
    if renames and fixed:
        sentence = (
            f"The classes of this exercise are its educator's: {', '.join(fixed)}. They cannot be renamed or merged; "
            "move pictures to another class instead."
        )
        raise Problem(422, "classes_fixed", sentence)
    unknown = sorted(set(renames) - set(parent.classes))
    if unknown:
        raise Problem(422, "class_unknown", f"There is no class {unknown[0]} in this version.")
