"""One training in several processes of one machine, a GPU each: every process learns from its part of each batch.

The result is that of one process with the same batches, up to rounding: pictures are varied by their place in the
whole batch, the mean of the loss is that of the whole batch, and so are the statistics of batch norms. Gradients are
summed by torch's DistributedDataParallel (NCCL between GPUs, Gloo on processors); a few numbers a step always go over
Gloo, before the network computes, so that a process that has ended is noticed there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

LONGEST_WAIT = timedelta(days=2)  # for another process; one that ended is noticed long before
FEWEST_PICTURES = 8  # of a batch for each process: with fewer, the exchange takes longer than the computing


@dataclass(frozen=True)
class Share:
    """How much of a batch is here: ``own`` of ``whole`` of what the loss is a mean of, and all its ``pictures``."""

    team: Team
    own: float
    whole: float
    pictures: int

    def to_learn(self, loss: Tensor) -> Tensor:
        """Return the loss of this part such that the mean over the processes is that of the whole batch."""
        return loss * (self.own * self.team.size / self.whole if self.whole else 0.0)

    def mean(self, loss: Tensor) -> Tensor:
        """Return the loss of the whole batch."""
        total = self.team.total(loss.detach().double().cpu() * self.own)
        return total / self.whole if self.whole else total


@dataclass(frozen=True)
class Team:
    """The processes of a training; process 0 is the one that reports, evaluates and saves."""

    rank: int = 0
    size: int = 1

    def part(self, count: int) -> tuple[int, int]:
        """Return (begin, end) of this process's part of ``count`` pictures; parts differ by at most one."""
        return count * self.rank // self.size, count * (self.rank + 1) // self.size

    def total(self, values: Tensor) -> Tensor:
        """Return the sum of ``values`` over all processes."""
        return values if self.size == 1 else _summed(values)

    def share(self, criterion: nn.Module, labels: Tensor) -> Share | None:
        """Return this process's share of a batch; None when it has all of it."""
        if self.size == 1:
            return None
        sums = self.total(torch.tensor([_counted(criterion, labels), len(labels)], dtype=torch.float64))
        return Share(self, _counted(criterion, labels), float(sums[0]), int(sums[1]))

    def join(self, model: nn.Module) -> nn.Module:
        """Return ``model`` so that its gradients and batch norms are those of the whole batch; weights of process 0."""
        if self.size == 1:
            return model
        for module in model.modules():
            if type(module) is nn.BatchNorm2d and module.weight.requires_grad:
                module.__class__ = SharedBatchNorm
        return nn.parallel.DistributedDataParallel(model)  # it sends what stands still too

    def told(self, *figures: float) -> tuple[float, ...]:
        """Return the figures that process 0 gave."""
        if self.size == 1:
            return figures
        values = torch.tensor(figures, dtype=torch.float64)
        torch.distributed.broadcast(values, 0)
        return tuple(values.tolist())


ALONE = Team()


class SharedBatchNorm(nn.BatchNorm2d):
    """Batch norm whose statistics are those of all processes' pictures together; else as its base.

    torch's own (SyncBatchNorm) exists on GPUs only: this is the same on every device.
    """

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return super().forward(images)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        values = images.float()
        here = values.new_full((1,), values.numel() / values.shape[1])
        sums = _Summed.apply(torch.cat((values.sum((0, 2, 3)), here)))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = values - mean[:, None, None]
        variance = _Summed.apply(centred.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        out = centred * scale[:, None, None] + self.bias[:, None, None]
        converted: Tensor = out.to(images.dtype)
        return converted


class _Summed(torch.autograd.Function):
    """The sum over all processes; each of them uses it, so the gradient is a sum over all too."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        return _summed(values)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _summed(gradients[0])


def _summed(values: Tensor) -> Tensor:
    out = values.clone(memory_format=torch.contiguous_format)
    torch.distributed.all_reduce(out)
    return out


def _counted(criterion: nn.Module, labels: Tensor) -> float:
    """Return what the mean of a cross-entropy is divided by: the labels that count, each with its class's weight."""
    mean = criterion if isinstance(criterion, nn.CrossEntropyLoss) else getattr(criterion, "mean", None)
    if not isinstance(mean, nn.CrossEntropyLoss):
        raise TypeError(f"The loss {type(criterion).__name__} is no cross-entropy, and cannot be shared.")
    counting = labels[labels != mean.ignore_index]
    return float(len(counting)) if mean.weight is None else float(mean.weight[counting].double().sum())


def fitting(processes: int, pictures: int, batch_size: int) -> int:
    """Return how many processes a training can use: enough pictures in a batch for each, one at least in the last."""
    last = pictures % batch_size or min(batch_size, pictures)
    return max(1, min(processes, batch_size // FEWEST_PICTURES, last))


@contextmanager
def meeting(place: Path, rank: int, size: int, device: torch.device) -> Iterator[Team]:
    """Yield the team once all its processes have come to ``place``, a file in a folder of the job's own."""
    backend = "cpu:gloo,cuda:nccl" if device.type == "cuda" else "gloo"
    # note: a TCP store would listen to the whole network
    store = torch.distributed.FileStore(str(place), size)  # type: ignore[attr-defined]
    torch.distributed.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=LONGEST_WAIT)
    try:
        yield Team(rank, size)
    finally:
        torch.distributed.destroy_process_group()
