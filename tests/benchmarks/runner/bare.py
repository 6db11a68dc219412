"""A training loop written by hand: decoded pictures in memory, nothing observed, nothing saved, nothing stopped."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def bare_epoch(
    model: nn.Module, optimizer: torch.optim.Optimizer, pixels: Tensor, labels: Tensor, batch_size: int
) -> Tensor:
    """Train once through ``pixels`` (n, h, w, 3) uint8 in a random order; return the last loss."""
    model.train()
    loss = torch.zeros(())
    for chosen in torch.randperm(len(labels)).split(batch_size):
        images = pixels[chosen].permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
        loss = functional.cross_entropy(model(images), labels[chosen])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return loss.detach()
