"""The networks of segmentation, their ONNX export, their explanation, and pictures varied with their masks."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from axons_runner.augmentation import EVERYTHING, vary
from axons_runner.backbones import ARCHITECTURES, architectures
from axons_runner.errors import InvalidInput
from axons_runner.explain import segmentation_cam
from axons_runner.export import check_export
from axons_runner.masks import decode_mask, mask_overlay, mask_png
from axons_runner.palette import hexadecimal
from axons_runner.segmentation_export import segmenter_to_onnx
from axons_runner.segmenters import Segmenter, lite0_lraspp, small_unet
from axons_runner.tasks.scenes import PixelLoss
from tests.runner.drawn import png

if TYPE_CHECKING:
    from axons_runner.engine import Engine


def network(architecture: str, engine: Engine, classes: int = 3) -> Segmenter:
    torch.manual_seed(1)
    model = lite0_lraspp(classes, engine.backbone.features) if architecture == "lite0_lraspp" else small_unet(classes)
    (model.head if architecture == "lite0_lraspp" else model).train()
    with torch.no_grad():  # so that batch norm has statistics of its own
        model(torch.rand(2, 3, *[ARCHITECTURES[architecture]["image_size"]] * 2))
    return model.eval()


@pytest.mark.parametrize("architecture", architectures("segmentation"))
def test_the_onnx_export_says_what_torch_says(architecture: str, engine: Engine) -> None:
    model, size = network(architecture, engine), ARCHITECTURES[architecture]["image_size"]
    exported = segmenter_to_onnx(model, size, 3)
    images = torch.rand(2, 3, size, size) * 2 - 1
    with torch.inference_mode():
        logits = model(images)
    assert logits.shape == (2, 3, size, size)
    assert check_export(exported, logits, images) < 1e-4
    with pytest.raises(ValueError, match="differs from the model"):
        check_export(exported, logits + 0.1 * logits.abs().max(), images)
    read = onnx.load_model_from_string(exported)
    assert (read.opset_import[0].version, read.ir_version) == (17, 8)


@pytest.mark.parametrize("architecture", architectures("segmentation"))
def test_the_explanation_is_a_map_of_the_class_with_most_pixels(architecture: str, engine: Engine) -> None:
    model, size = network(architecture, engine), ARCHITECTURES[architecture]["image_size"]
    model.requires_grad_(False)
    image = torch.rand(1, 3, size, size) * 2 - 1
    with torch.no_grad():
        maps, expected = model.maps(image), model(image)[0]
    logits, heat, chosen = segmentation_cam(model, maps, image)
    assert torch.allclose(logits, expected, atol=1e-5)
    counts = torch.bincount(expected.argmax(0).flatten(), minlength=3)
    assert chosen == (0 if not counts[1:].any() else 1 + int(counts[1:].argmax()))
    assert heat.shape == maps[-1].shape[2:]
    assert 0 <= float(heat.min()) <= float(heat.max()) <= 1


def test_a_mask_moves_with_its_picture_and_keeps_its_values() -> None:
    mask = torch.randint(0, 3, (4, 8, 8, 1), dtype=torch.uint8).repeat_interleave(8, 1).repeat_interleave(8, 2)
    mask[:, :8] = 255
    pixels = torch.cat((mask, mask, mask, mask), 3)
    for seed in range(3):
        moved = vary(pixels, ("flip", "crop"), seed)
        assert set(moved[..., 3].unique().tolist()) <= {0, 1, 2, 255}
        assert not torch.equal(moved[..., 3], pixels[..., 3])
        # the picture is the mask itself, enlarged smoothly: inside its tiles the two must be the same
        same = (moved[..., 0] == moved[..., 3]).float().mean()
        assert same > 0.6, f"{same:.2f} of the pixels and their mask are still at one place"
    plain = vary(pixels[..., :3].contiguous(), EVERYTHING, 5)
    assert torch.equal(plain, vary(pixels, EVERYTHING, 5)[..., :3]), "a mask changes nothing of its picture"


def test_a_batch_of_which_nothing_is_counted_teaches_nothing() -> None:
    logits = torch.randn(2, 3, 4, 4, requires_grad=True)
    loss = PixelLoss(None, 0.1)(logits, torch.full((2, 4, 4), 255))
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_masks_are_shrunk_without_new_values_also_those_with_a_palette() -> None:
    values = np.zeros((40, 60), np.uint8)
    values[:, 30:] = 2
    values[:4] = 255
    decoded = decode_mask(png(values), 20, 3, (60, 40), "The mask")
    assert decoded.shape == (20, 20)
    assert set(np.unique(decoded)) == {0, 2, 255}
    assert np.array_equal(decoded, decode_mask(mask_png(values), 20, 3, (60, 40), "The mask"))


UNUSABLE = {
    "another size": (png(np.zeros((40, 61), np.uint8)), "61 . 40 pixels and its picture 60 . 40"),
    "an unknown value": (png(np.full((40, 60), 7, np.uint8)), "has the value 7, .* allowed are 0 to 2, and 255"),
    "16 bits": (png(np.zeros((40, 60), np.uint16)), "not an 8-bit greyscale or palette PNG"),
    "colours": (png(np.zeros((40, 60, 3), np.uint8)), "not an 8-bit greyscale or palette PNG"),
    "cut off": (png(np.random.default_rng(0).integers(0, 3, (40, 60), np.uint8))[:300], "cannot be opened"),
    "no picture": (b"GIF89a", "cannot be opened"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_an_unusable_mask_is_refused_with_a_sentence(what: str) -> None:
    data, sentence = UNUSABLE[what]
    with pytest.raises(InvalidInput, match=sentence):
        decode_mask(data, 20, 3, (60, 40), "The mask of a picture")


def test_colours_are_those_of_pascal_voc() -> None:
    assert [hexadecimal(i) for i in (0, 1, 2, 15, 20)] == ["#000000", "#800000", "#008000", "#c08080", "#004080"]


def test_the_overlay_is_the_picture_with_the_colours_at_55_percent() -> None:
    mask = np.zeros((500, 1000), np.uint8)
    mask[:, 500:] = 1
    with Image.open(io.BytesIO(mask_overlay(Image.new("RGB", (1000, 500), (100, 100, 100)), mask))) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (640, 320))
        assert image.getpixel((10, 160)) == (45, 45, 45)
        assert image.getpixel((630, 160)) == (round(45 + 0.55 * 128), 45, 45)
