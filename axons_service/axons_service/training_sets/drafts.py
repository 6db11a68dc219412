"""What a new version holds, decided from its base, what was asked, and what was found of each file.

Nothing here reads a clock, a database or a store: the same input gives the same version, whoever computes it and
however often.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

from axons_service.exercises.task_types import CLASSIFICATION, SEGMENTATION
from axons_service.training_sets import manifests
from axons_service.training_sets.journal import Finding
from axons_service.training_sets.manifests import Image
from axons_service.training_sets.mask_layout import Refusal
from axons_service.training_sets.near import near_groups


class ReportLine(TypedDict):
    """What became of one file or change; `reason` is a sentence when it was refused."""

    file: str
    accepted: bool
    reason: str | None
    code: str


class SetFailed(Exception):
    """The set as a whole cannot be used; the sentence says why, the report what became of each file."""

    def __init__(self, sentence: str, report: list[ReportLine]) -> None:
        super().__init__(sentence)
        self.report = report


@dataclass(frozen=True)
class Addition:
    """A file that is to join the set; `split` is empty where the set decides, `label` where its mask does."""

    identity: str
    name: str
    label: str
    split: str = ""


@dataclass
class Draft:
    """A version that is not frozen yet."""

    classes: list[str]
    fixed: bool
    images: list[Image] = field(default_factory=list)
    excluded: list[Image] = field(default_factory=list)
    packed: frozenset[str] = frozenset()
    report: list[ReportLine] = field(default_factory=list)
    fresh: list[tuple[str, int]] = field(default_factory=list)
    task: str = CLASSIFICATION

    @property
    def masks(self) -> dict[str, manifests.Mask]:
        """The masks of this version's images, by the image's hash."""
        return {each["sha256"]: each["mask"] for each in self.images if "mask" in each}

    def note(self, file: str, code: str, reason: str | None = None) -> None:
        self.report.append({"file": file, "accepted": reason is None, "reason": reason, "code": code})

    def manifest(self, shards: list[manifests.Shard], tick: Callable[[], None] = lambda: None) -> manifests.Manifest:
        """The version's manifest, in one order whatever the way to it was. `tick` is called all along."""
        place = {label: number for number, label in enumerate(self.classes)}
        manifest: manifests.Manifest = {
            "version": 1,
            "classes": self.classes,
            "images": sorted(self.images, key=lambda each: (place[each["label"]], each["sha256"])),
            "shards": shards,
        }
        if self.task != CLASSIFICATION:
            manifest["task"] = self.task
        if self.excluded:
            manifest["excluded"] = sorted(self.excluded, key=lambda each: each["sha256"])
        groups = near_groups(((each["sha256"], each.get("dhash", "")) for each in self.images), tick)
        if groups:
            manifest["near_duplicates"] = groups
        return manifest


def draft_make(
    *,
    base: manifests.Manifest | None,
    fixed: list[str],
    request: Mapping[str, Any],
    additions: Iterable[Addition],
    findings: Mapping[str, Finding],
    order: Sequence[str] = (),
    tick: Callable[[], None] = lambda: None,
    task: str = CLASSIFICATION,
    refused: Iterable[Refusal] = (),
) -> Draft:
    """The next version of `base`. `fixed` are the exercise's classes, empty where learners choose them; an archive may
    say in which `order` its own classes stand, and which of its files are `refused` before they are looked at.

    Raises SetFailed when nothing of what was asked could be done, or when nobody could train on the result.
    """
    added = list(additions)
    labels = sorted({each.label for each in added})
    if task == SEGMENTATION:  # a mask's values are places in the list of classes: it never changes
        fixed = fixed or (list(base["classes"]) if base is not None else [*order])
    if base is None:
        draft = Draft(classes=fixed or [*order] or labels, fixed=bool(fixed), task=task)
    else:
        images, excluded = list(base["images"]), list(base.get("excluded", []))
        draft = Draft(
            classes=fixed or sorted({*base["classes"], *labels, *request.get("relabels", {}).values()}),
            fixed=bool(fixed),
            images=images,
            excluded=excluded,
            packed=manifests.blob_hashes(base),
            task=task,
        )
    if request.get("reverted_to") is not None:
        draft.note(f"version {request['reverted_to']}", "reverted")
    if request.get("forked") is not None:
        draft.note(request["forked"], "forked")
    _choose(draft, request)
    _relabel(draft, request.get("relabels", {}))
    _place(draft, request.get("splits", {}))
    _rename(draft, request.get("renames", {}))  # last: relabelling speaks of the classes as they were
    for each in refused:
        draft.note(each.name, each.code, each.reason)
    _add(draft, added, findings)
    _split(draft, request.get("split"), tick)
    if not any(line["accepted"] for line in draft.report):
        raise SetFailed("None of the pictures and changes could be used; the list says why for each.", draft.report)
    _settle_classes(draft)
    return draft


def _rename(draft: Draft, renames: Mapping[str, str]) -> None:
    """Rename classes; two that get one name are merged."""
    known = set(draft.classes)
    for old, new in renames.items():
        if old not in known:
            draft.note(old, "unknown_label", f"There is no class {old} to rename.")
        else:
            draft.note(old, "merged" if new in known - set(renames) else "renamed")
    names = {old: new for old, new in renames.items() if old in known}
    if not names:
        return
    draft.classes = sorted({names.get(label, label) for label in draft.classes})
    draft.images = [{**each, "label": names.get(each["label"], each["label"])} for each in draft.images]
    draft.excluded = [{**each, "label": names.get(each["label"], each["label"])} for each in draft.excluded]


def _choose(draft: Draft, request: Mapping[str, Any]) -> None:
    """Leave images out and take others in again."""
    here = {each["sha256"]: each for each in draft.images}
    away = {each["sha256"]: each for each in draft.excluded}
    for sha256 in request.get("exclusions", []):
        if sha256 in here:
            away[sha256] = here.pop(sha256)
            draft.note(away[sha256]["name"], "excluded")
        elif sha256 not in away:
            _note_absent(draft, sha256)
    for sha256 in request.get("inclusions", []):
        if sha256 in away:
            here[sha256] = away.pop(sha256)
            draft.note(here[sha256]["name"], "included")
        elif sha256 not in here:
            _note_absent(draft, sha256)
    draft.images, draft.excluded = list(here.values()), list(away.values())


def _relabel(draft: Draft, relabels: Mapping[str, str]) -> None:
    present = {each["sha256"] for each in draft.images}
    for sha256 in relabels:
        if sha256 not in present:
            _note_absent(draft, sha256)
    images: list[Image] = []
    for image in draft.images:
        label = relabels.get(image["sha256"], image["label"])
        if label not in draft.classes:
            draft.note(image["name"], "unknown_label", _unknown_label(image["name"], label, draft.classes))
        elif label != image["label"]:
            draft.note(image["name"], "relabelled")
            image = {**image, "label": label}
        images.append(image)
    draft.images = images


def _place(draft: Draft, splits: Mapping[str, str]) -> None:
    """Move single images between training and validation."""
    present = {each["sha256"] for each in draft.images}
    for sha256 in splits:
        if sha256 not in present:
            _note_absent(draft, sha256)
    images: list[Image] = []
    for image in draft.images:
        split = splits.get(image["sha256"], image["split"])
        if split != image["split"]:
            draft.note(image["name"], "moved")
            image = {**image, "split": split}
        images.append(image)
    draft.images = images


def _add(draft: Draft, additions: list[Addition], findings: Mapping[str, Finding]) -> None:
    known: dict[str, str] = {}
    for image in draft.images:
        known[image["sha256"]] = known[image.get("source", image["sha256"])] = image["name"]
    waiting: list[Image] = []
    placed: list[Image] = []
    for each in additions:
        finding = findings.get(each.identity)
        label = draft.classes[finding["covers"]] if finding is not None and "covers" in finding else each.label
        if label and label not in draft.classes:
            draft.note(each.name, "unknown_label", _unknown_label(each.name, label, draft.classes))
        elif finding is None:
            draft.note(each.name, "not_uploaded", f"{each.name} did not arrive. Upload it again.")
        elif "sha256" not in finding:
            draft.note(each.name, finding["code"], finding["reason"])
        elif finding["sha256"] in known or finding["source"] in known:
            other = known.get(finding["sha256"]) or known[finding["source"]]
            what = f"the same picture as {other}" if other != each.name else "in the training set already"
            draft.note(each.name, "duplicate", f"{each.name} is {what}; it counts once.")
        else:
            known[finding["sha256"]] = known[finding["source"]] = each.name
            fresh: Image = {
                "sha256": finding["sha256"],
                "label": label,
                "split": each.split,
                "name": each.name,
                "width": finding["width"],
                "height": finding["height"],
                "source": finding["source"],
                "dhash": finding["dhash"],
            }
            if "mask" in finding:
                fresh["mask"] = finding["mask"]
            (placed if each.split else waiting).append(fresh)
            draft.note(each.name, "added")
            draft.excluded = [old for old in draft.excluded if old["sha256"] != fresh["sha256"]]
            if not manifests.hashes_of(fresh) <= draft.packed:
                draft.fresh.append((fresh["sha256"], finding["bytes"]))
    draft.images += placed
    draft.images += manifests.split_assign(draft.images, waiting)


def _split(draft: Draft, split: Mapping[str, Any] | None, tick: Callable[[], None]) -> None:
    if split is None:
        return
    groups = near_groups(((each["sha256"], each.get("dhash", "")) for each in draft.images), tick)
    before = {each["sha256"]: each["split"] for each in draft.images}
    draft.images = manifests.split_again(draft.images, groups, share=split["validation"], seed=split["seed"])
    moved = sum(before[each["sha256"]] != each["split"] for each in draft.images)
    draft.note(f"{moved} of {len(draft.images)} pictures", "split")


def _settle_classes(draft: Draft) -> None:
    """Drop classes that nothing is left of where learners choose them; refuse what nobody can train on."""
    totals = Counter(each["label"] for each in draft.images)
    training = Counter(each["label"] for each in draft.images if each["split"] == "train")
    if not draft.fixed:
        for label in draft.classes:
            if not totals[label]:
                draft.note(label, "class_removed")
        draft.classes = [label for label in draft.classes if totals[label]]
    if len(draft.classes) < 2:
        raise SetFailed("A training set needs pictures of at least two classes.", draft.report)
    if draft.task == SEGMENTATION:
        if not training:
            raise SetFailed("There is no picture to train on. Add one or keep one.", draft.report)
        return
    for label in draft.classes:
        if not training[label]:
            raise SetFailed(f"There is no picture of {label} to train on. Add one or keep one.", draft.report)


def _note_absent(draft: Draft, sha256: str) -> None:
    draft.note(sha256[:12], "not_found", f"The picture {sha256[:12]}… is not in this training set.")


def _unknown_label(name: str, label: str, classes: list[str]) -> str:
    return f"{name} has the label {label}, which this exercise does not know. Allowed are {', '.join(classes)}."
