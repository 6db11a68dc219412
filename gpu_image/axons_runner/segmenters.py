"""The networks that name every pixel: LR-ASPP on EfficientNet-Lite0, and a small U-Net trained from scratch.

A :class:`Segmenter` is ``features``, a chain of layers some of whose outputs (``taps``) are kept, and a ``head`` on
these maps; what the head gives is brought to the picture's size. The chain of ``lite0_lraspp`` is that of the
classifier, so that weights, the shared frozen backbone and partial fine-tuning are the same.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from axons_runner.backbones import LITE0_CHANNELS, lite0_features

# outputs of EfficientNet-Lite0 at strides 8, 16 and 32: (position in its chain, channels)
LITE0_TAPS = ((8, 40), (14, 112), (22, LITE0_CHANNELS))
LRASPP_WIDTH = 128
UNET_WIDTHS = (16, 32, 64, 128)


class LrAspp(nn.Module):
    """The head of MobileNetV3 (Howard et al. 2019, section 6.4): maps at strides 8, 16, 32 to logits at stride 8.

    The coarse maps are weighted by what the whole picture shows. Beside the paper's classifier at stride 8 there is
    one at stride 16, because the backbone is not dilated and its last maps are coarse. Each classifier comes before
    the enlargement: both are linear, so the result is the same and costs less.
    """

    def __init__(self, channels: tuple[int, ...], classes: int) -> None:
        super().__init__()
        fine, middle, coarse = channels
        self.project = nn.Sequential(
            nn.Conv2d(coarse, LRASPP_WIDTH, 1, bias=False), nn.BatchNorm2d(LRASPP_WIDTH), nn.ReLU(inplace=True)
        )
        self.gate = nn.Conv2d(coarse, LRASPP_WIDTH, 1)
        self.coarse = nn.Conv2d(LRASPP_WIDTH, classes, 1)
        self.middle = nn.Conv2d(middle, classes, 1)
        self.fine = nn.Conv2d(fine, classes, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        fine, middle, coarse = maps
        gate = self.gate(coarse.mean((2, 3), keepdim=True)).sigmoid()
        logits = enlarged(self.coarse(self.project(coarse) * gate), middle) + self.middle(middle)
        out: Tensor = enlarged(logits, fine) + self.fine(fine)
        return out


class UNetHead(nn.Module):
    """The way up of a U-Net (Ronneberger et al. 2015): enlarge, put the finer maps beside, convolve; then classify."""

    def __init__(self, channels: tuple[int, ...], classes: int) -> None:
        super().__init__()
        pairs = list(pairwise(channels))[::-1]
        self.ups = nn.ModuleList(nn.Sequential(*_block(deep + fine, fine)) for fine, deep in pairs)
        self.classify = nn.Conv2d(channels[0], classes, 1)

    def forward(self, maps: list[Tensor]) -> Tensor:
        value = maps[-1]
        for up, finer in zip(self.ups, maps[-2::-1], strict=True):
            value = up(torch.cat((enlarged(value, finer), finer), 1))
        out: Tensor = self.classify(value)
        return out


class Segmenter(nn.Module):
    """``features``, their ``taps`` and a ``head``; the output is logits (n, classes, h, w) at the pictures' size."""

    def __init__(self, features: nn.Module, taps: tuple[int, ...], head: LrAspp | UNetHead) -> None:
        super().__init__()
        self.features = features
        self.taps = taps
        self.head = head

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps that the head looks at, the finest first."""
        found, value = [], images
        for position, layer in enumerate(self.features.children()):
            value = layer(value)
            if position in self.taps:
                found.append(value)
        return found

    def segment(self, maps: list[Tensor], images: Tensor) -> Tensor:
        """Return logits (n, classes, h, w) of these maps, at the size of ``images``."""
        return enlarged(self.head(maps), images)

    def forward(self, images: Tensor) -> Tensor:
        return self.segment(self.maps(images), images)


def lite0_lraspp(classes: int, features: nn.Module | None = None) -> Segmenter:
    """Return LR-ASPP on EfficientNet-Lite0 (or on ``features`` that are there already): 224 px to logits of 224 px."""
    channels = tuple(c for _, c in LITE0_TAPS)
    head = LrAspp(channels, classes)
    chain = lite0_features() if features is None else features
    return Segmenter(chain, tuple(t for t, _ in LITE0_TAPS), head)


def small_unet(classes: int) -> Segmenter:
    """Return a U-Net of four levels, 16 to 128 channels wide: 128 px to logits of 128 px."""
    layers: list[nn.Module] = []
    taps, channels = [], 3
    for level, width in enumerate(UNET_WIDTHS):
        if level:
            layers.append(nn.MaxPool2d(2))
        layers += [*_block(channels, width), *_block(width, width)]
        taps.append(len(layers) - 1)
        channels = width
    return Segmenter(nn.Sequential(*layers), tuple(taps), UNetHead(UNET_WIDTHS, classes))


def untrained_segmenter(architecture: str, classes: int) -> Segmenter:
    """Return the network with random weights, drawn from torch's random state."""
    return small_unet(classes) if architecture == "small_unet" else lite0_lraspp(classes)


def enlarged(value: Tensor, like: Tensor) -> Tensor:
    """Return ``value`` (n, c, h, w) at the height and width of ``like``, by bilinear interpolation."""
    if value.shape[2:] == like.shape[2:]:
        return value
    return functional.interpolate(value, size=like.shape[2:], mode="bilinear", align_corners=False)


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
