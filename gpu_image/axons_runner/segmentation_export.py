"""ONNX export of a :class:`Segmenter`: "input" (batch, 3, s, s), normalised, to "logits" (batch, classes, s, s)."""

from __future__ import annotations

import numpy as np

from axons_runner.export import Graph
from axons_runner.segmenters import LrAspp, Segmenter, UNetHead

RUN_SCRIPT = '''\
"""Run this model outside Axons:  pip install onnxruntime pillow numpy;  python run.py PICTURE MASK.png"""
import json, sys
from pathlib import Path
import numpy as np, onnxruntime
from PIL import Image

here = Path(__file__).parent
card = json.loads((here / "model.json").read_text(encoding="utf-8"))
how = card["preprocessing"]
picture = Image.open(sys.argv[1]).convert("RGB")
side = how["image_size"]
pixels = np.asarray(picture.resize((side, side), Image.Resampling.BILINEAR), np.float32) / 255
pixels = ((pixels - np.float32(how["mean"])) / np.float32(how["std"])).transpose(2, 0, 1)[None]
(logits,) = onnxruntime.InferenceSession(here / "model.onnx").run(["logits"], {"input": pixels})
mask = Image.fromarray(logits[0].argmax(0).astype(np.uint8)).resize(picture.size, Image.Resampling.NEAREST)
mask.putpalette([int(h[i:i + 2], 16) for h in card["colours"].values() for i in (1, 3, 5)])
mask.save(sys.argv[2])
for label, count in zip(card["classes"], np.bincount(np.asarray(mask).ravel(), minlength=len(card["classes"]))):
    print(f"{count / mask.width / mask.height:7.2%}  {label}")
'''


class SegmentationGraph(Graph):
    """What a segmentation head needs beyond the layers of a classifier."""

    def enlarge(self, value: str, scale: int, output: str | None = None) -> str:
        """Add torch's bilinear interpolation without aligned corners."""
        if scale == 1:
            return self.node("Identity", value, output=output) if output else value
        factors = self.weight(np.array([1, 1, scale, scale], np.float32))
        return self.node(
            "Resize", value, "", factors, output=output, mode="linear", coordinate_transformation_mode="half_pixel"
        )

    def lraspp(self, head: LrAspp, maps: list[str]) -> str:
        """Add the head on maps at strides 8, 16 and 32, each twice as coarse as the one before."""
        fine, middle, coarse = maps
        gate = self.node("Sigmoid", self.plain(head.gate, self.node("GlobalAveragePool", coarse)))
        weighted = self.node("Mul", self.layers(list(head.project), coarse), gate)
        logits = self.node("Add", self.enlarge(self.plain(head.coarse, weighted), 2), self.plain(head.middle, middle))
        return self.node("Add", self.enlarge(logits, 2), self.plain(head.fine, fine))

    def unet(self, head: UNetHead, maps: list[str]) -> str:
        """Add the way up, each level twice as fine as the one below."""
        value = maps[-1]
        for up, finer in zip(head.ups, maps[-2::-1], strict=True):
            beside = self.node("Concat", self.enlarge(value, 2), finer, axis=1)
            value = self.layers(list(up.children()), beside)
        return self.plain(head.classify, value)


def segmenter_to_onnx(model: Segmenter, size: int, classes: int) -> bytes:
    """Return the whole model as a checked ONNX file (opset 17)."""
    graph = SegmentationGraph()
    chain, value, maps, begin = list(model.features.children()), "input", [], 0
    for tap in model.taps:
        value = graph.layers(chain[begin : tap + 1], value)
        maps.append(value)
        begin = tap + 1
    if isinstance(model.head, LrAspp):
        logits, scale = graph.lraspp(model.head, maps), 8
    else:
        logits, scale = graph.unet(model.head, maps), 1
    graph.enlarge(logits, scale, output="logits")
    return graph.model("segmenter", size, {"logits": [classes, size, size]})
