"""Checkpoints: one safetensors file: model, optimizer, random state; scaler, counters and settings in its metadata.

No pickle anywhere. A file appears whole or not at all (temporary file, then ``os.replace``). What a checkpoint belongs
to (hyperparameters, classes, data) is its ``fingerprint``; one of another job is refused.
"""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from axons_runner.tuning import USUAL, Plan

FORMAT = "1"


class UnusableCheckpoint(Exception):
    """The file is damaged or belongs to another job; the message says which."""


@dataclass
class Position:
    """Where training stands: optimizer steps made, the epoch under way (from 1) and batches of it already used.

    With patience also the best validation so far, its epoch, and how many epochs were no better (``stale``).
    """

    step: int = 0
    epoch: int = 1
    batch: int = 0
    best_accuracy: float | None = None
    best_loss: float | None = None
    best_epoch: int = 0
    stale: int = 0


def save_checkpoint(
    path: Path, *, model: nn.Module, optimizer: torch.optim.Optimizer, position: Position, fingerprint: str,
    plan: Plan = USUAL, best: dict[str, Tensor] | None = None, scaler: torch.amp.GradScaler | None = None,
) -> None:  # fmt: skip
    """Write everything a bit-equal continuation needs to ``path``; ``best`` are the weights of the best epoch."""
    tensors: dict[str, Tensor] = {f"model.{name}": value for name, value in model.state_dict().items()}
    tensors |= {f"best.{name}": value for name, value in (best or {}).items()}
    scalars: dict[str, Any] = {}
    for index, values in optimizer.state_dict()["state"].items():
        for name, value in values.items():
            if isinstance(value, Tensor):
                tensors[f"optimizer.{index}.{name}"] = value
            else:
                scalars[f"{index}.{name}"] = value
    tensors["random.cpu"] = torch.get_rng_state()
    if torch.cuda.is_available():
        tensors["random.cuda"] = torch.cuda.get_rng_state()
    tensors = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    metadata = {
        "format": FORMAT,
        "fingerprint": fingerprint,
        "position": json.dumps(vars(position)),
        "optimizer": json.dumps(scalars),
        "plan": json.dumps(asdict(plan)),
        "scaler": json.dumps({} if scaler is None else scaler.state_dict()),
    }
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    os.close(descriptor)
    try:
        save_file(tensors, temporary, metadata)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_checkpoint(
    path: Path, *, model: nn.Module, optimizer: torch.optim.Optimizer, fingerprint: str,
    scaler: torch.amp.GradScaler | None = None,
) -> tuple[Position, dict[str, Tensor] | None]:  # fmt: skip
    """Put a checkpoint into model, optimizer, scaler and random state; return where it stands and the best weights.

    Raises UnusableCheckpoint.
    """
    try:
        with safe_open(str(path), "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise UnusableCheckpoint("The checkpoint's file is damaged.") from error
    if metadata.get("format") != FORMAT or metadata.get("fingerprint") != fingerprint:
        raise UnusableCheckpoint("The checkpoint belongs to other settings or another training set.")
    try:
        model.load_state_dict(_part(tensors, "model."))
        state: dict[int, dict[str, Any]] = {}
        for name, value in _part(tensors, "optimizer.").items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = value
        for name, scalar in json.loads(metadata["optimizer"]).items():
            index, _, key = name.partition(".")
            state.setdefault(int(index), {})[key] = scalar
        optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
        scaling = json.loads(metadata.get("scaler", "{}"))
        if scaler is not None and scaling:
            scaler.load_state_dict(scaling)
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors and torch.cuda.is_available():
            torch.cuda.set_rng_state(tensors["random.cuda"])
        return Position(**json.loads(metadata["position"])), _part(tensors, "best.") or None
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise UnusableCheckpoint("The checkpoint's content does not fit this model.") from error


def checkpoint_plan(path: Path) -> Plan | None:
    """Return how the run of a checkpoint computes, so that a resume continues bit-equal; None when it does not say."""
    try:
        with safe_open(str(path), "pt") as file:
            return Plan.read(json.loads((file.metadata() or {}).get("plan", "null")))
    except (SafetensorError, OSError, ValueError):
        return None


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
