"""Our loop learns what a plain script learns, and every engine says what torch says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import openvino
import pytest
import torch
from torch.nn import functional

from axons_runner.backbones import ARCHITECTURES, LITE0_CHANNELS, Classifier, architectures, small_cnn, untrained
from axons_runner.context import Context, Every
from axons_runner.data import Batches, TrainingSet, augment, shuffled
from axons_runner.export import classifier_to_onnx, features_to_onnx, onnx_session
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.masks import decode_masks
from axons_runner.segmentation_export import segmenter_to_onnx
from axons_runner.segmenters import small_unet
from axons_runner.tasks import segmentation
from axons_runner.tasks.loop import Training
from axons_runner.tasks.pixels import train_one_epoch
from tests.runner.drawn import load_masked, masked_hyperparameters, masked_pack
from tests.runner.synthetic import hyperparameters
from tests.runner.test_segmentation_models import network as segmenter

if TYPE_CHECKING:
    from axons_runner.engine import Engine

pytestmark = pytest.mark.slow

LOSS_TOLERANCE = 1e-5  # relative; the same sums in the same order, but for the fused scaling of the pixels
LOGIT_TOLERANCE = 1e-3  # of the largest logit


class Listener:
    """A reporter that keeps the training curve."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def event(self, kind: str, data: Any) -> None:
        if kind == "metrics":
            self.losses.append(data["loss"])

    def checkpoint(self, path: Path, step: int, epoch: int) -> None:
        raise AssertionError("no checkpoint is due")

    def stop_reason(self) -> None:
        return None


def test_our_loop_and_a_plain_script_with_one_seed_give_the_same_loss_curve(tmp_path: Path) -> None:
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (60, 64, 64, 3), generator=random, dtype=torch.uint8)
    labels = torch.randint(0, 3, (60,), generator=random)
    for label in range(3):
        pixels[labels == label, :, :, label] //= 4
    settings = Hyperparameters.read(hyperparameters(epochs=3, batch_size=16))

    torch.manual_seed(settings.seed)
    ours = small_cnn(3).to(memory_format=torch.channels_last)
    loader = Batches(pixels, labels, 16, [0.5] * 3, [0.5] * 3, seed=settings.seed, augmentation=True)
    training = Training(ours, settings, len(loader), "f")
    listener = Listener()
    context = Context(listener, tmp_path, metrics_clock=Every(0))  # a row for each step
    for epoch in range(1, 4):
        train_one_epoch(ours, torch.nn.CrossEntropyLoss(), training, loader, epoch, context)
        training.end_epoch()

    torch.manual_seed(settings.seed)
    theirs = small_cnn(3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=settings.learning_rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=12)
    curve = []
    theirs.train()
    for epoch in range(1, 4):
        for number, chosen in enumerate(torch.tensor(shuffled(60, settings.seed, epoch)).split(16)):
            some = augment(pixels[chosen], seed=(settings.seed * 1_000_003 + epoch) * 100_003 + number)
            images = (some.permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
            loss = functional.cross_entropy(theirs(images), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            curve.append(loss.item())
    assert len(curve) == len(listener.losses) == 12
    assert curve[-1] < 0.7 * curve[0], "there was something to learn"
    assert listener.losses[0] == pytest.approx(curve[0], rel=LOSS_TOLERANCE)
    # each step multiplies the difference that rounding made in the one before
    assert listener.losses == pytest.approx(curve, rel=1e-2)


def test_our_segmentation_and_a_plain_script_with_one_seed_give_the_same_loss_curve(
    engine: Engine, tmp_path: Path
) -> None:
    source = load_masked(masked_pack(10, 2), tmp_path)
    wanted = Hyperparameters.read(
        masked_hyperparameters(epochs=2, batch_size=4, optimizer="sgd", learning_rate=0.1, augmentation=False)
    )
    listener = Listener()
    # a row for each step, and never a checkpoint
    context = Context(listener, tmp_path, metrics_clock=Every(0), last_checkpoint=float("inf"))
    segmentation.train_on(source, wanted, engine, context)
    train, held_out = source.by_split["train"], source.by_split["validation"]

    torch.manual_seed(wanted.seed)
    theirs = small_unet(3).to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(theirs.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
    pixels, masks = (torch.from_numpy(read(source, train, 128)) for read in (TrainingSet.decode, decode_masks))
    curve = []
    for epoch in (1, 2):
        theirs.train()
        for chosen in torch.tensor(shuffled(10, wanted.seed, epoch)).split(4):
            images = (pixels[chosen].permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
            loss = functional.cross_entropy(theirs(images), masks[chosen].long(), ignore_index=255)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            curve.append(loss.item())
        theirs.eval()
        some = (torch.from_numpy(source.decode(held_out, 128)).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
        truth = torch.from_numpy(decode_masks(source, held_out, 128)).long()
        with torch.no_grad():
            curve.append(functional.cross_entropy(theirs(some), truth, ignore_index=255).item())
    assert len(curve) == len(listener.losses) == 8
    assert curve[6] < 0.8 * curve[0], "there was something to learn"
    assert listener.losses[0] == pytest.approx(curve[0], rel=LOSS_TOLERANCE)
    assert listener.losses == pytest.approx(curve, rel=1e-2), "each step multiplies the difference of the one before"


@pytest.mark.parametrize("architecture", architectures("classification"))
def test_onnx_runtime_openvino_and_torch_agree_on_every_exportable_model(architecture: str, engine: Engine) -> None:
    torch.manual_seed(1)
    size = ARCHITECTURES[architecture]["image_size"]
    if architecture == "efficientnet_lite0":
        network = Classifier(engine.backbone.features, LITE0_CHANNELS, 3)
    else:
        network = untrained(architecture, 3)
        with torch.no_grad():
            network(torch.rand(4, 3, size, size))  # so that batch norm has statistics of its own
    insist_that_all_agree(network.eval(), classifier_to_onnx(network, size), size)


@pytest.mark.parametrize("architecture", architectures("segmentation"))
def test_onnx_runtime_openvino_and_torch_agree_on_every_segmenter(architecture: str, engine: Engine) -> None:
    size = ARCHITECTURES[architecture]["image_size"]
    network = segmenter(architecture, engine)
    insist_that_all_agree(network, segmenter_to_onnx(network, size, 3), size)


def insist_that_all_agree(network: torch.nn.Module, exported: bytes, size: int) -> None:
    """Fail unless both engines give the logits that torch gives for the same pictures."""
    images = torch.rand(2, 3, size, size) * 2 - 1
    with torch.inference_mode():
        expected = network(images).numpy()
    said = {
        "onnx runtime": onnx_session(exported, 1).run(["logits"], {"input": images.numpy()})[0],
        "openvino": _openvino(exported)({"input": images.numpy()})["logits"],
    }
    assert np.abs(expected).max() > 0
    for name, logits in said.items():
        assert np.abs(logits - expected).max() <= LOGIT_TOLERANCE * np.abs(expected).max(), name


def test_openvino_embeds_as_the_runner_does(engine: Engine) -> None:
    images = torch.rand(2, 3, 224, 224) * 2 - 1
    exported = features_to_onnx(engine.backbone.features, 224, LITE0_CHANNELS)
    found = _openvino(exported)({"input": images.numpy()})
    assert np.abs(found["maps"] - engine.embedder.maps(images).numpy()).max() < 1e-3
    assert np.abs(found["embedding"] - found["maps"].mean((2, 3))).max() < 1e-4


def _openvino(model: bytes) -> Any:
    core = openvino.Core()
    return core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
