"""Where a version's new pictures come from: single uploads, or one zip."""

import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from axons_service.exercises.task_types import SEGMENTATION
from axons_service.storage import objects
from axons_service.training_sets.archives import ArchiveRefused, archive_open, member_extract
from axons_service.training_sets.checking import File, MaskFile
from axons_service.training_sets.drafts import Addition, SetFailed
from axons_service.training_sets.kept import archive_keep
from axons_service.training_sets.layout import archive_pictures
from axons_service.training_sets.mask_layout import Refusal, archive_masks
from axons_service.training_sets.models import TrainingSet, Upload
from axons_service.training_sets.selectors import fixed_classes


@dataclass
class Sources:
    """What is to be added, and the files to check for it; `classes` is the order that an archive gives its own.

    `refused` are files of an archive that are not even looked at.
    """

    additions: list[Addition] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    classes: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def add(
        self, addition: Addition, fetch: Callable[[Path], bool], *, keep: bool = False, mask: MaskFile | None = None
    ) -> None:
        self.additions.append(addition)
        self.files.append(File(addition.identity, addition.name, fetch, keep, mask))


def sources_open(training_set: TrainingSet) -> Sources:
    """The pictures that a set's request names, in its order. Raises SetFailed for a zip that cannot be used."""
    archive = training_set.request.get("archive")
    if archive:
        upload = Upload.objects.filter(pk=archive).first()
        if training_set.task == SEGMENTATION:
            assert training_set.project is not None, "library sets are published"
            return _from_masked_archive(upload, fixed_classes(training_set.project, training_set.starter))
        return _from_archive(upload)
    sources = Sources()
    asked = training_set.request.get("additions", [])
    uploads = {str(upload.pk): upload for upload in Upload.objects.filter(pk__in=[each["upload"] for each in asked])}
    for number, each in enumerate(asked, start=1):
        upload = uploads.get(each["upload"])
        name = upload.name if upload is not None else f"Picture {number}"
        fetch = partial(_fetch, upload.key if upload is not None else None)
        sources.add(Addition(each["upload"], name, each["label"]), fetch)
    return sources


def _from_archive(upload: Upload | None) -> Sources:
    archive, name = _open(upload)
    try:
        pictures, classes = archive_pictures(archive, name)
    except ArchiveRefused as refused:
        raise SetFailed(str(refused), []) from refused
    sources = Sources(classes=classes)
    for each in pictures:
        addition = Addition(each.member.filename, each.name, each.label, each.split)
        sources.add(addition, partial(_extract, archive, each.member), keep=True)
    return sources


def _from_masked_archive(upload: Upload | None, fixed: list[str]) -> Sources:
    """Pictures with masks; where the exercise gives the classes, the zip names the same in the same order."""
    archive, name = _open(upload)
    try:
        found = archive_masks(archive, name)
    except ArchiveRefused as refused:
        raise SetFailed(str(refused), []) from refused
    if fixed and found.classes != fixed:
        sentence = (
            f"classes.txt in {name} names {', '.join(found.classes)}. The classes of this exercise are "
            f"{', '.join(fixed)}, in this order: the masks' values must mean the same."
        )
        raise SetFailed(sentence, [])
    sources = Sources(classes=found.classes, refused=found.refused)
    for each in found.pictures:
        addition = Addition(each.member.filename, each.name, "", each.split)
        mask = MaskFile(each.mask.filename, partial(_extract, archive, each.mask), tuple(found.classes))
        sources.add(addition, partial(_extract, archive, each.member), keep=True, mask=mask)
    return sources


def _open(upload: Upload | None) -> tuple[zipfile.ZipFile, str]:
    path = archive_keep(upload.pk, upload.bytes, partial(_fetch, upload.key)) if upload is not None else None
    if upload is None or path is None:
        raise SetFailed("The zip file did not arrive. Upload it again.", [])
    try:
        return archive_open(path, upload.name), upload.name
    except ArchiveRefused as refused:
        raise SetFailed(str(refused), []) from refused


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> bool:
    member_extract(archive, member, path)
    return True


def _fetch(key: str | None, path: Path) -> bool:
    if key is None:
        return False
    try:
        with objects.open_stream(key) as stream, path.open("wb") as file:
            shutil.copyfileobj(stream, file)
    except FileNotFoundError:
        return False
    return True
