"""What a person should know about a set before training on it: few pictures, uneven classes, look-alikes."""

from typing import TypedDict

from axons_service.exercises.task_types import CLASSIFICATION, SEGMENTATION

FEW = 10
UNEVEN = 10


class Warning(TypedDict):
    """Something that does not stop a training but may spoil it; `label` is empty when it concerns the whole set."""

    code: str
    label: str
    message: str


def set_warnings(
    counts: dict[str, dict[str, int]], groups: list[list[str]], task: str = CLASSIFICATION
) -> list[Warning]:
    """The warnings of a set with these counts ({label: {split: count}}) and these groups of look-alikes."""
    found = _whole_set(counts) if task == SEGMENTATION else _each_class(counts)
    if groups:
        alike = sum(len(group) for group in groups)
        sentence = (
            f"{alike} pictures look almost like another one. They teach a model little; look whether all are needed."
        )
        found.append({"code": "near_duplicates", "label": "", "message": sentence})
    return found


def _whole_set(counts: dict[str, dict[str, int]]) -> list[Warning]:
    """Pictures with masks show several classes each: they are counted together."""
    found: list[Warning] = []
    total = sum(sum(each.values()) for each in counts.values())
    if total < FEW:
        sentence = f"The set has only {total} pictures. A model needs at least {FEW}, better 50."
        found.append({"code": "few_pictures", "label": "", "message": sentence})
    if not any(each.get("validation", 1) for each in counts.values()):
        sentence = "No picture is kept back to check the model, so nobody sees how well it does."
        found.append({"code": "nothing_kept_back", "label": "", "message": sentence})
    return found


def _each_class(counts: dict[str, dict[str, int]]) -> list[Warning]:
    found: list[Warning] = []
    totals = {label: sum(each.values()) for label, each in counts.items()}
    for label, total in totals.items():
        if total < FEW:
            pictures = "1 picture" if total == 1 else f"{total} pictures"
            sentence = f"{label} has only {pictures}. A model needs at least {FEW} of each class, better 20."
            found.append({"code": "few_pictures", "label": label, "message": sentence})
        if counts[label].get("validation") == 0:
            sentence = f"No picture of {label} is kept back to check the model, so nobody sees how well it knows it."
            found.append({"code": "nothing_kept_back", "label": label, "message": sentence})
    if totals and max(totals.values()) > UNEVEN * min(totals.values()):
        most, least = max(totals, key=lambda label: totals[label]), min(totals, key=lambda label: totals[label])
        sentence = (
            f"{most} has more than {UNEVEN} times as many pictures as {least}: "
            f"a model tends to prefer what it has seen most. Add pictures of {least}, or leave some of {most} out."
        )
        found.append({"code": "uneven_classes", "label": "", "message": sentence})
    return found
