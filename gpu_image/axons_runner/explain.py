"""Grad-CAM (Selvaraju et al. 2017): where in the picture the model saw what it named."""

from __future__ import annotations

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from axons_runner.backbones import Classifier
from axons_runner.segmenters import Segmenter

OVERLAY_SIDE = 640
STRENGTH = 0.6
# the colours of the heat from none to full (dark violet, magenta, orange, pale yellow), interpolated between
HEAT = np.array([[24, 15, 62], [120, 28, 109], [207, 68, 70], [251, 155, 6], [252, 255, 164]], np.float32)


def grad_cam(model: Classifier, maps: Tensor, target: int | None = None) -> tuple[Tensor, Tensor]:
    """Return (logits (classes,), heat (h, w) in 0..1) of the last feature maps (1, c, h, w) of one picture.

    Heat = ReLU(Σ_c α_c·A_c) with α_c the mean gradient of the target's logit over map c; scaled to a maximum of 1,
    all zero where nothing speaks for the target (by default the class with the largest logit).
    """
    maps = maps.detach().clone().requires_grad_(True)
    with torch.enable_grad():
        logits = model.classify(maps)[0]
        chosen = int(logits.argmax()) if target is None else target
        (gradient,) = torch.autograd.grad(logits[chosen], maps)
    weights = gradient.mean((2, 3), keepdim=True)
    heat = (weights * maps.detach()).sum(1)[0].relu()
    peak = heat.max()
    return logits.detach(), heat / peak if peak > 0 else heat


def segmentation_cam(model: Segmenter, maps: list[Tensor], images: Tensor) -> tuple[Tensor, Tensor, int]:
    """Return (logits (classes, h, w), heat (h', w') in 0..1, the class explained) of one picture's ``maps``.

    Grad-CAM on the coarsest map for the mean logit of the pixels that are given to the class (Vinogradova et al. 2020);
    explained is the class with most pixels, class 0 only where there is no other.
    """
    coarse = maps[-1].detach().clone().requires_grad_(True)
    with torch.enable_grad():
        logits = model.segment([*maps[:-1], coarse], images)[0]
        named = logits.argmax(0)
        counts = torch.bincount(named.flatten(), minlength=len(logits))
        counts[0] = 0
        chosen = int(counts.argmax())
        (gradient,) = torch.autograd.grad(logits[chosen][named == chosen].mean(), coarse)
    heat = (gradient.mean((2, 3), keepdim=True) * coarse.detach()).sum(1)[0].relu()
    peak = heat.max()
    return logits.detach(), heat / peak if peak > 0 else heat, chosen


def overlay(picture: Image.Image, heat: NDArray[np.float32]) -> bytes:
    """Return the picture (RGB, at most 640 px) with ``heat`` (h, w) 0..1 laid over it, as an opaque PNG."""
    base = picture.convert("RGB")
    base.thumbnail((OVERLAY_SIDE, OVERLAY_SIDE), Image.Resampling.BILINEAR)
    mask = Image.fromarray((np.clip(heat, 0, 1) * 255).astype(np.uint8))
    values = np.asarray(mask.resize(base.size, Image.Resampling.BICUBIC), np.float32) / 255
    steps = np.linspace(0, 1, len(HEAT))
    colours = np.stack([np.interp(values, steps, HEAT[:, channel]) for channel in range(3)], axis=-1)
    opacity = (STRENGTH * values)[..., None]
    mixed = np.asarray(base, np.float32) * (1 - opacity) + colours * opacity
    out = io.BytesIO()
    Image.fromarray(mixed.round().astype(np.uint8)).save(out, "PNG", compress_level=1)
    return out.getvalue()
