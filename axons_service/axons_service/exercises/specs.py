"""A spec's shape: what an author may configure. Unknown keys are errors; every error names its field.

What a spec names (sets, models, pools) is looked up in `selectors.spec_missing`.
"""

import hashlib
import json
from typing import Any

from axons_service.exercises import architectures
from axons_service.exercises.findings import Findings
from axons_service.exercises.grading_rules import check_grading, without_feedback
from axons_service.exercises.hyperparameters import (
    AUGMENTATION,
    CHOICES,
    FURTHER,
    FURTHER_KNOBS,
    KNOBS,
    SEED,
    SWITCHES,
    Choice,
    Knob,
    Switch,
    hyperparameters_validate,
    number,
)
from axons_service.exercises.task_types import CLASSIFICATION, METRICS, SEGMENTATION, Task
from axons_service.operations.problems import FieldError, Problem

__all__ = ["hyperparameters_validate", "spec_canonical", "spec_check", "spec_for_role", "spec_hash", "spec_problem"]

REQUIRED = ("version", "kind", "task", "own_pictures", "pool", "time_limit_minutes")
REQUIRED_FOR_TRAINING = ("architectures", "hyperparameters", "max_tries")
OPTIONAL = (
    "starter_set",
    "hidden_test_set",
    "model",
    "grading",
    "leaderboard",
    "compute_minutes_per_learner",
    "fallback_pools",
)
MAX_COMPUTE_MINUTES = 100_000
MAX_FALLBACK_POOLS = 5


def spec_canonical(body: dict[str, Any]) -> bytes:
    """The one JSON spelling of a spec: sorted keys, no spaces, UTF-8."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def spec_hash(body: dict[str, Any]) -> str:
    """A spec's identity: SHA-256 of its canonical JSON, hex."""
    return hashlib.sha256(spec_canonical(body)).hexdigest()


def spec_problem(errors: list[FieldError]) -> Problem:
    """The refusal of a spec."""
    return Problem(422, "spec_invalid", f"The exercise's settings need a change: {errors[0]['message']}", errors)


def spec_for_role(body: dict[str, Any], *, is_staff: bool) -> dict[str, Any]:
    """The spec as this person may see it: a learner is told neither which hidden test set there is, nor beforehand what
    is said of a result."""
    if is_staff:
        return body
    shown = {key: value for key, value in body.items() if key != "hidden_test_set"}
    return shown if shown.get("grading") is None else {**shown, "grading": without_feedback(shown["grading"])}


def spec_check(body: object) -> list[FieldError]:
    """Everything wrong with the spec's shape and numbers; empty when it is well formed."""
    findings = Findings()
    if not isinstance(body, dict):
        findings.add("", "The spec must be a JSON object.")
        return findings.errors
    training = body.get("kind") == "training"
    required = (*REQUIRED, *REQUIRED_FOR_TRAINING) if training else REQUIRED
    findings.keys("", body, required, (*REQUIRED, *REQUIRED_FOR_TRAINING, *OPTIONAL))
    findings.choice("version", body, (1,), "Version must be 1.")
    findings.choice("kind", body, ("training", "inference"), "Kind must be training or inference.")
    findings.choice("task", body, tuple(Task.values), f"Task must be {' or '.join(Task.values)}.")
    for name in ("starter_set", "hidden_test_set", "model"):
        if body.get(name) is not None and not (isinstance(body[name], str) and body[name]):
            findings.add(name, "This must be a name from the library, or null.")
    if "own_pictures" in body and not isinstance(body["own_pictures"], bool):
        findings.add("own_pictures", "Own pictures must be true or false.")
    if "pool" in body and not (isinstance(body["pool"], str) and body["pool"]):
        findings.add("pool", "Pool must be the name of a pool.")
    if body.get("fallback_pools") is not None:
        _check_fallback_pools(findings, body)
    findings.choice("leaderboard", body, (True, False), "Leaderboard must be true or false.")
    if body.get("leaderboard") is True and body.get("grading") is None:
        findings.add("leaderboard", "A leaderboard needs grading: it ranks what is handed in.")
    findings.whole("time_limit_minutes", body, "Time limit", 1, 240)
    findings.whole("max_tries", body, "Maximum number of tries", 0, 1000)
    if body.get("compute_minutes_per_learner") is not None:
        findings.whole("compute_minutes_per_learner", body, "Compute minutes per learner", 1, MAX_COMPUTE_MINUTES)
    if training:
        _check_training(findings, body)
    elif body.get("kind") == "inference":
        _check_inference(findings, body)
    return findings.errors


def _check_fallback_pools(findings: Findings, body: dict[str, Any]) -> None:
    """Where jobs go, in this order, while the pool has no machine."""
    names = body["fallback_pools"]
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        findings.add("fallback_pools", "Fallback pools must be a list of names of pools.")
    elif len(names) > MAX_FALLBACK_POOLS or len({*names, str(body.get("pool"))}) != len(names) + 1:
        findings.add("fallback_pools", f"Name at most {MAX_FALLBACK_POOLS} other pools, each once.")


def _check_training(findings: Findings, body: dict[str, Any]) -> None:
    if body.get("model") is not None:
        findings.add("model", "A training exercise takes no supplied model; leave this empty.")
    if body.get("starter_set") is None and body.get("own_pictures") is False:
        findings.add("starter_set", "Choose a starter set or let learners add their own pictures.")
    names = body.get("architectures")
    if not isinstance(names, list) or not names:
        if "architectures" in body:
            findings.add("architectures", "Choose at least one architecture.")
    else:
        for name in names:
            fitting = architectures.names_of(body.get("task"))
            if name not in fitting:
                known, purpose = ", ".join(sorted(fitting)), f" for {SEGMENTATION}" if _marks(body) else ""
                findings.add("architectures", f"There is no architecture named {name}{purpose}. Known are {known}.")
        if len({str(name) for name in names}) != len(names):
            findings.add("architectures", "Each architecture may be named once.")
    if "hyperparameters" in body:
        _check_hyperparameters(findings, body["hyperparameters"])
    if body.get("grading") is not None:
        check_grading(findings, body["grading"], METRICS[SEGMENTATION if _marks(body) else CLASSIFICATION])
        if body.get("hidden_test_set") is None:
            findings.add("hidden_test_set", "Grading needs a hidden test set.")


def _check_inference(findings: Findings, body: dict[str, Any]) -> None:
    if body.get("model") is None:
        findings.add("model", "An inference exercise needs a model from the library.")
    for name in ("starter_set", "hidden_test_set", "grading"):
        if body.get(name) is not None:
            findings.add(name, "An inference exercise trains nothing and is not graded; leave this empty.")


def _check_hyperparameters(findings: Findings, knobs: object) -> None:
    path = "hyperparameters"
    required = (*KNOBS, "augmentation", "seed")
    if not isinstance(knobs, dict):
        findings.add(path, "Hyperparameters must be an object.")
        return
    findings.keys(path, knobs, required, (*required, *FURTHER))
    for name, knob in (KNOBS | FURTHER_KNOBS).items():
        if name in knobs:
            _check_knob(findings, f"{path}.{name}", knob, knobs[name])
    for name, choice in CHOICES.items():
        if name in knobs:
            _check_choice(findings, f"{path}.{name}", choice, knobs[name])
    switches: dict[str, Switch | Knob] = {"augmentation": AUGMENTATION, "seed": SEED, **SWITCHES}
    for name, switch in switches.items():
        if name not in knobs:
            continue
        if not isinstance(knobs[name], dict):
            findings.add(f"{path}.{name}", f"{switch.title} needs a default.")
            continue
        findings.keys(f"{path}.{name}", knobs[name], ("default",), ("default",))
        if "default" in knobs[name] and (sentence := switch.misfit(knobs[name]["default"])) is not None:
            findings.add(f"{path}.{name}.default", sentence)


def _check_knob(findings: Findings, path: str, knob: Knob, limits: object) -> None:
    if not isinstance(limits, dict):
        findings.add(path, f"{knob.title} needs min, max and default.")
        return
    findings.keys(path, limits, ("min", "max", "default"), ("min", "max", "default"))
    misfits = {key: knob.misfit(limits[key]) for key in ("min", "max", "default") if key in limits}
    for key, sentence in misfits.items():
        if sentence is not None:
            findings.add(f"{path}.{key}", sentence)
    if len(misfits) == 3 and not any(misfits.values()):
        _check_order(findings, path, knob.title, limits)


def _check_choice(findings: Findings, path: str, choice: Choice, offer: object) -> None:
    """What learners may choose, each named once, and which of them is suggested."""
    if not isinstance(offer, dict):
        findings.add(path, f"{choice.title} needs allowed and default.")
        return
    findings.keys(path, offer, ("allowed", "default"), ("allowed", "default"))
    allowed = offer.get("allowed", list(choice.values))
    if not isinstance(allowed, list) or not allowed:
        findings.add(f"{path}.allowed", f"{choice.title}: allow at least one.")
        return
    for sentence in {choice.misfit(value) for value in allowed} - {None}:
        findings.add(f"{path}.allowed", str(sentence))
    if len({str(value) for value in allowed}) != len(allowed):
        findings.add(f"{path}.allowed", f"{choice.title}: each may be named once.")
    if "default" in offer and offer["default"] not in allowed:
        findings.add(f"{path}.default", f"{choice.title}: the default must be one of those allowed.")


def _check_order(findings: Findings, path: str, title: str, limits: dict[str, float]) -> None:
    low, high, default = limits["min"], limits["max"], limits["default"]
    if low > high:
        findings.add(f"{path}.max", f"{title}: the maximum must not be below the minimum {number(low)}.")
    elif not low <= default <= high:
        findings.add(f"{path}.default", f"{title}: the default must be between {number(low)} and {number(high)}.")


def _marks(body: dict[str, Any]) -> bool:
    return bool(body.get("task") == SEGMENTATION)
