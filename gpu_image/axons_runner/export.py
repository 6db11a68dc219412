"""ONNX export of a :class:`Classifier`, and its check against torch on real inputs.

Written layer by layer with onnx.helper rather than by torch.onnx: the networks have eight kinds of layers, it takes
0.1 s where the exporter took 21 s, and the graph (opset 17, batch norm folded) runs in onnxruntime-web.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from axons_runner.backbones import Classifier, InvertedResidual

OPSET = 17
IR_VERSION = 8
TOLERANCE = 1e-3  # of a logit; measured differences are below 2e-5


class Graph:
    """Collects nodes and weights; each method returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def weight(self, values: NDArray[Any]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, kind: str, *inputs: str, output: str | None = None, **attributes: Any) -> str:
        name = output or f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [name], **attributes))
        return name

    def layers(self, modules: list[nn.Module], value: str) -> str:
        """Add a chain of layers to ``value``, folding each batch norm into the convolution before it."""
        position = 0
        while position < len(modules):
            module = modules[position]
            padding = None
            if isinstance(module, nn.ZeroPad2d):
                left, right, top, bottom = module.padding
                padding, position = [top, left, bottom, right], position + 1
                module = modules[position]
            if isinstance(module, nn.Conv2d):
                norm = modules[position + 1]
                if not isinstance(norm, nn.BatchNorm2d):
                    raise TypeError("A convolution without a batch norm cannot be exported.")
                value, position = self.convolution(module, norm, padding, value), position + 1
            elif isinstance(module, nn.ReLU6):
                value = self.node(
                    "Clip", value, self.weight(np.array(0, np.float32)), self.weight(np.array(6, np.float32))
                )
            elif isinstance(module, nn.ReLU):
                value = self.node("Relu", value)
            elif isinstance(module, nn.MaxPool2d):
                value = self.node(
                    "MaxPool",
                    value,
                    kernel_shape=[module.kernel_size] * 2,
                    strides=[module.stride] * 2,
                    pads=[module.padding] * 4,
                )
            elif isinstance(module, InvertedResidual):
                inner = self.layers(list(module.layers), value)
                value = self.node("Add", value, inner) if module.residual else inner
            elif isinstance(module, nn.Sequential):
                value = self.layers(list(module), value)
            elif isinstance(module, nn.Hardswish):
                value = self.node("HardSwish", value)
            elif type(module).__module__.startswith("torchvision."):
                from axons_runner.torchvision_backbones import add_block

                value = add_block(self, module, value)
            else:
                raise TypeError(f"A layer {type(module).__name__} cannot be exported.")
            position += 1
        return value

    def convolution(self, layer: nn.Conv2d, norm: nn.BatchNorm2d, padding: list[int] | None, value: str) -> str:
        """Add W' = W·γ/√(σ²+ε) and b' = β − μ·γ/√(σ²+ε)."""
        assert norm.running_mean is not None
        assert norm.running_var is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = (layer.weight * scale[:, None, None, None]).detach().cpu().numpy()
        bias = (norm.bias - norm.running_mean * scale).detach().cpu().numpy()
        side = int(layer.padding[0])
        return self.node(
            "Conv",
            value,
            self.weight(weight),
            self.weight(bias),
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            group=layer.groups,
            pads=padding or [side] * 4,
        )

    def plain(self, layer: nn.Conv2d, value: str, output: str | None = None) -> str:
        """Add a convolution of 1 × 1 that has a bias and no batch norm."""
        assert layer.bias is not None
        weight, bias = (self.weight(t.detach().cpu().numpy()) for t in (layer.weight, layer.bias))
        return self.node("Conv", value, weight, bias, output=output, kernel_shape=[1, 1])

    def model(self, name: str, size: int, outputs: dict[str, list[int | None]]) -> bytes:
        """Return the graph as a checked ONNX file with input "input" (batch, 3, size, size) float32."""
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", 3, size, size])],
            [helper.make_tensor_value_info(o, TensorProto.FLOAT, ["batch", *shape]) for o, shape in outputs.items()],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
        model.producer_name = "axons-runner"
        onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())


def classifier_to_onnx(model: Classifier, size: int) -> bytes:
    """Return the whole model: "input" (batch, 3, size, size), normalised, to "logits" and "probabilities"."""
    graph = Graph()
    pooled = _pooled(graph, graph.layers(list(model.features.children()), "input"))
    weight, bias = (t.detach().cpu().numpy() for t in (model.head.weight, model.head.bias))
    logits = graph.node("Gemm", pooled, graph.weight(weight), graph.weight(bias), transB=1, output="logits")
    graph.node("Softmax", logits, axis=1, output="probabilities")
    classes = model.head.out_features
    return graph.model("classifier", size, {"logits": [classes], "probabilities": [classes]})


def features_to_onnx(features: nn.Module, size: int, channels: int) -> bytes:
    """Return a backbone: "input" (batch, 3, size, size), normalised, to "maps" and their mean "embedding".

    Shapes: (batch, channels, h, w) and (batch, channels). A session computes only what it is asked for.
    """
    graph = Graph()
    maps = graph.node("Identity", graph.layers(list(features.children()), "input"), output="maps")
    _pooled(graph, maps, output="embedding")
    return graph.model("backbone", size, {"embedding": [channels], "maps": [channels, None, None]})


def _pooled(graph: Graph, maps: str, output: str | None = None) -> str:
    flat = graph.node("GlobalAveragePool", maps)
    return graph.node("Flatten", flat, axis=1, output=output)


def onnx_session(model: bytes, threads: int) -> onnxruntime.InferenceSession:
    """Return an ONNX Runtime session on the CPU whose threads sleep when there is nothing to do."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def check_export(model: bytes, logits: Tensor, images: Tensor) -> float:
    """Return the largest difference between the export's logits and torch's, for the same real images.

    Raises ValueError when it is above the tolerance: such a file must not be handed out.
    """
    (found,) = onnx_session(model, threads=1).run(["logits"], {"input": images.contiguous().cpu().numpy()})
    difference = float(np.abs(np.asarray(found) - logits.cpu().numpy()).max())
    scale = max(1.0, float(logits.abs().max()))
    if not difference <= TOLERANCE * scale:
        raise ValueError(f"The ONNX export differs from the model by {difference:.4g} (largest logit {scale:.4g}).")
    return difference
