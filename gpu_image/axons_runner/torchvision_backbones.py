"""Classifiers of torchvision, for runners whose operator lists their weights; and their layers in ONNX.

torchvision takes 1.5 s to import, so this module is imported only where one of them is at work.
"""

from __future__ import annotations

from itertools import chain

from torch import nn
from torchvision.models import mobilenet_v3_large, resnet18, resnet50
from torchvision.models.mobilenetv3 import InvertedResidual
from torchvision.models.resnet import BasicBlock, Bottleneck
from torchvision.ops import SqueezeExcitation

from axons_runner.backbones import HEADS
from axons_runner.export import Graph

BUILDERS = {"resnet18": resnet18, "resnet50": resnet50, "mobilenet_v3_large": mobilenet_v3_large}
assert BUILDERS.keys() == HEADS.keys()


def torchvision_features(architecture: str) -> nn.Sequential:
    """Return the layers up to the last feature map, untrained: (n, 3, 224, 224) -> (n, channels, 7, 7)."""
    network = BUILDERS[architecture](weights=None)
    if architecture.startswith("resnet"):
        parts = list(network.children())[:-2]  # without the mean over the map, and the classes of ImageNet
        return nn.Sequential(*chain.from_iterable(p if isinstance(p, nn.Sequential) else [p] for p in parts))
    features: nn.Sequential = network.features
    return features


def torchvision_blocks(features: nn.Module) -> list[list[nn.Module]]:
    """Return the blocks that learners count: what comes before the first residual block, each of them, the rest."""
    layers = list(features.children())
    places = [i for i, layer in enumerate(layers) if isinstance(layer, BasicBlock | Bottleneck | InvertedResidual)]
    blocks = [layers[: places[0]], *([layers[i]] for i in places), layers[places[-1] + 1 :]]
    return [block for block in blocks if block]


def add_block(graph: Graph, block: nn.Module, value: str) -> str:
    """Add a residual block or a squeeze-and-excitation to ``value`` and return the name of its output."""
    if isinstance(block, BasicBlock | Bottleneck):
        layers = [block.conv1, block.bn1, block.relu, block.conv2, block.bn2]
        if isinstance(block, Bottleneck):
            layers += [block.relu, block.conv3, block.bn3]
        beside = value if block.downsample is None else graph.layers([block.downsample], value)
        return graph.node("Relu", graph.node("Add", graph.layers(layers, value), beside))
    if isinstance(block, InvertedResidual):
        inner = graph.layers([block.block], value)
        return graph.node("Add", value, inner) if block.use_res_connect else inner
    if isinstance(block, SqueezeExcitation):
        squeezed = graph.node("Relu", graph.plain(block.fc1, graph.node("GlobalAveragePool", value)))
        gate = graph.node("HardSigmoid", graph.plain(block.fc2, squeezed), alpha=1 / 6, beta=0.5)
        return graph.node("Mul", value, gate)
    raise TypeError(f"A layer {type(block).__name__} cannot be exported.")
