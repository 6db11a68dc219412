"""How a model computes fastest on this machine: memory format and number type, measured once and kept."""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

MEMORY_FORMATS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}
NUMBER_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
ROUNDS = 5
WORTH_IT = 0.9  # a plan that takes more of the usual plan's time than this is not worth leaving it


@dataclass(frozen=True)
class Plan:
    """Weights are always float32; with "bfloat16" or "float16" the layers that can compute in it do (autocast)."""

    memory_format: str = "channels_last"
    number_type: str = "float32"

    @classmethod
    def read(cls, values: Any) -> Plan | None:
        """Return the plan of a JSON object, or None when it is none of ours."""
        if not isinstance(values, Mapping) or values.keys() != {"memory_format", "number_type"}:
            return None
        plan = cls(**values)
        return plan if plan.memory_format in MEMORY_FORMATS and plan.number_type in NUMBER_TYPES else None

    @property
    def scales(self) -> bool:
        """Whether the loss is scaled before the backward pass: gradients below 6e-8 are zero in float16."""
        return self.number_type == "float16"

    def place(self, model: nn.Module, device: torch.device) -> None:
        """Move ``model`` to the device, in this plan's memory format."""
        model.to(device).to(memory_format=MEMORY_FORMATS[self.memory_format])

    def arrange(self, images: Tensor) -> Tensor:
        """Return ``images`` (n, 3, h, w) in this plan's memory format."""
        return images.contiguous(memory_format=MEMORY_FORMATS[self.memory_format])

    def computing(self, device: torch.device) -> AbstractContextManager[None]:
        """Return the context in which forward passes compute."""
        number_type = NUMBER_TYPES[self.number_type]
        return torch.autocast(device.type, number_type, enabled=number_type is not torch.float32)


USUAL = Plan()
CANDIDATES = (USUAL, Plan("contiguous"), Plan(number_type="bfloat16"))


def candidates(capability: tuple[int, int] | None) -> tuple[Plan, ...]:
    """Return the plans worth measuring on a GPU of this compute capability; None is the processor.

    GPUs compute bfloat16 natively from Ampere (8.0) on; Volta and Turing (7.x) have tensor cores for float16 only.
    """
    if capability is None or capability >= (8, 0):
        return CANDIDATES
    return (*CANDIDATES[:2], Plan(number_type="float16")) if capability >= (7, 0) else CANDIDATES[:2]


class Plans:
    """The plans of this machine by architecture, in one JSON file; what is not known is :data:`USUAL`."""

    def __init__(self, path: Path, machine: str) -> None:
        self.path = path
        self.machine = machine

    def get(self, architecture: str) -> Plan:
        """Return the plan that was measured here, or the usual one."""
        return self._kept().get(self._key(architecture)) or USUAL

    def measure(
        self, architecture: str, seconds: Callable[[Plan], float], among: Sequence[Plan] = CANDIDATES
    ) -> Plan:  # fmt: skip
        """Return the kept plan; without one, find the fastest by ``seconds`` (of one step) and keep it."""
        kept = self._kept()
        key = self._key(architecture)
        if key not in kept:
            kept[key] = fastest(seconds, among)
            self._keep(kept)
        return kept[key]

    def _key(self, architecture: str) -> str:
        return f"{architecture} on {self.machine}"

    def _kept(self) -> dict[str, Plan]:
        try:
            values = json.loads(self.path.read_bytes())
        except (OSError, ValueError):
            return {}
        plans = {key: Plan.read(value) for key, value in values.items()} if isinstance(values, dict) else {}
        return {key: plan for key, plan in plans.items() if plan is not None}

    def _keep(self, plans: Mapping[str, Plan]) -> None:
        text = json.dumps({key: asdict(plan) for key, plan in plans.items()}, indent=1)
        try:
            with tempfile.NamedTemporaryFile("w", dir=self.path.parent, delete=False) as file:
                file.write(text)
            os.replace(file.name, self.path)
        except OSError:
            return  # measured again at the next start


def fastest(seconds: Callable[[Plan], float], among: Sequence[Plan] = CANDIDATES) -> Plan:
    """Return the plan with the smallest median over rounds in turn; the usual one unless another is clearly faster."""
    for plan in among:
        seconds(plan)  # the first step of each also sets up
    times: dict[Plan, list[float]] = {plan: [] for plan in among}
    for _ in range(ROUNDS):
        for plan in among:
            times[plan].append(seconds(plan))
    medians = {plan: statistics.median(values) for plan, values in times.items()}
    best = min(among, key=lambda plan: medians[plan])
    return best if medians[best] < WORTH_IT * medians[USUAL] else USUAL


def step_seconds(make: Callable[[], nn.Module], images: Tensor, device: torch.device) -> Callable[[Plan], float]:
    """Return a function that times one forward and backward pass of a fresh model on ``images`` under a plan."""
    models: dict[Plan, nn.Module] = {}

    def seconds(plan: Plan) -> float:
        if plan not in models:
            models[plan] = make()
            plan.place(models[plan], device)
        placed = plan.arrange(images.to(device))
        began = time.perf_counter()
        with plan.computing(device):
            logits = models[plan](placed)
        functional.cross_entropy(logits.float(), logits.detach().argmax(1)).backward()  # type: ignore[no-untyped-call]
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - began

    return seconds


def machine(device_name: str, threads: int) -> str:
    """Return what a plan depends on beside the model: processor or GPU, threads, version of torch."""
    capability = torch.backends.cpu.get_cpu_capability() if device_name == "cpu" else ""
    return f"{device_name} {capability}, {threads} threads, torch {torch.__version__}"
