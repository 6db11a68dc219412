"""Segmentation from an assignment to its result: it learns, repeats itself to the bit, and says what is wrong."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file

from axons_runner.context import Context
from axons_runner.data import TrainingSet
from axons_runner.errors import Infrastructure, InvalidInput, Stopped
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.modelfile import load_model
from axons_runner.pictures import PictureConverter, convert
from axons_runner.tasks import segmentation
from axons_runner.tasks.common import Outcome
from axons_runner.tasks.scenes import class_weights
from axons_runner.worker import _execute
from tests.runner.drawn import SHAPES, drawn, load_masked, masked_hyperparameters, masked_pack
from tests.runner.fake_service import FakeService
from tests.runner.synthetic import Pack, assignment, make_pack
from tests.runner.test_training import Recorder

if TYPE_CHECKING:
    from axons_runner.engine import Engine

LEARNS = {"architecture": "lite0_lraspp", "epochs": 6, "learning_rate": 0.01, "batch_size": 8, "augmentation": False}


@pytest.fixture(scope="module")
def shapes() -> Pack:
    return masked_pack(15, 6)


def settings(**changes: Any) -> Hyperparameters:
    return Hyperparameters.read(masked_hyperparameters(**changes))


def train(
    source: TrainingSet, engine: Engine, folder: Path, wanted: Hyperparameters, resume: Path | None = None
) -> tuple[Outcome, Recorder]:
    folder.mkdir(exist_ok=True)
    recorder = Recorder(folder)
    return segmentation.train_on(source, wanted, engine, Context(recorder, folder), resume=resume), recorder


@pytest.fixture(scope="module")
def learnt(shapes: Pack, engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> tuple[Outcome, Recorder]:
    folder = tmp_path_factory.mktemp("learnt")
    return train(load_masked(shapes, folder), engine, folder, settings(**LEARNS))


def test_a_frozen_backbone_learns_shapes_in_seconds(learnt: tuple[Outcome, Recorder]) -> None:
    outcome, recorder = learnt
    metrics = outcome.result["metrics"]["validation"]
    assert metrics["miou"] > 0.7
    assert metrics["accuracy"] > 0.85
    assert list(metrics["iou_per_class"]) == SHAPES
    assert metrics["count"] == 6
    assert sum(map(sum, metrics["confusion"])) == 6 * 224 * (224 - round(224 * 4 / 96)), "the strip is not counted"
    assert [m["iou"] for m in metrics["mistakes"]] == sorted(m["iou"] for m in metrics["mistakes"])
    curve = recorder.metrics("validation")
    assert len(curve) == 6
    assert curve[-1]["miou"] == metrics["miou"]
    assert curve[-1]["loss"] < 0.5 * curve[0]["loss"]
    assert all({"miou", "accuracy", "loss"} <= row.keys() for row in recorder.metrics("train"))
    card = json.loads(outcome.files["model.json"].read_bytes())
    assert card == outcome.result["model"]
    assert (card["task"], card["architecture"], card["backbone"]["frozen"]) == ("segmentation", "lite0_lraspp", True)
    assert card["colours"] == {"background": "#000000", "square": "#800000", "disc": "#008000"}
    assert all(name.startswith("head.") for name in load_file(outcome.files["model.safetensors"]))


def test_a_small_u_net_learns_from_scratch(shapes: Pack, engine: Engine, tmp_path: Path) -> None:
    wanted = settings(epochs=4, learning_rate=0.01, class_weights=True, patience=4)
    outcome, recorder = train(load_masked(shapes, tmp_path), engine, tmp_path / "out", wanted)
    assert outcome.result["metrics"]["validation"]["miou"] > 0.5
    losses = [row["loss"] for row in recorder.metrics("train")]
    assert losses[-1] < 0.6 * losses[0]
    assert outcome.files["augmentation.jpg"].read_bytes()[:2] == b"\xff\xd8"


@pytest.mark.parametrize(
    "changes",
    [
        {"architecture": "small_unet"},
        {"architecture": "lite0_lraspp"},
        {"architecture": "lite0_lraspp", "fine_tuning": "partial", "patience": 2},
    ],
)
def test_a_resumed_training_ends_bit_equal_and_so_do_two_with_one_seed(
    changes: dict[str, Any], engine: Engine, tmp_path: Path
) -> None:
    source = load_masked(masked_pack(6, 2), tmp_path)
    wanted = settings(**changes, batch_size=2)
    whole, _ = train(source, engine, tmp_path / "whole", wanted)
    interrupted = Recorder(tmp_path, stop_after=3)  # a step, an epoch, its end, and the step after it
    (tmp_path / "cut").mkdir()
    with pytest.raises(Stopped):
        segmentation.train_on(source, wanted, engine, Context(interrupted, tmp_path / "cut"))
    saved = interrupted.checkpoints[-1]
    with safe_open(str(saved), "pt") as file:
        position = json.loads(file.metadata()["position"])
    torch.manual_seed(12345)  # another process has another random state
    resumed, recorder = train(source, engine, tmp_path / "resumed", wanted, resume=saved)
    assert 0 < position["step"] < min(row["step"] for row in recorder.metrics("train"))
    one, two = (load_file(o.files["model.safetensors"]) for o in (whole, resumed))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_partial_and_full_fine_tuning_move_what_they_say(engine: Engine, tmp_path: Path) -> None:
    source = load_masked(masked_pack(4, 2), tmp_path)
    before = engine.backbone.features.state_dict()
    moved = {}
    for how in ("partial", "full"):
        wanted = settings(architecture="lite0_lraspp", fine_tuning=how, epochs=1, batch_size=2)
        outcome, _ = train(source, engine, tmp_path / how, wanted)
        after = load_file(outcome.files["model.safetensors"])
        moved[how] = {k for k, v in before.items() if not torch.equal(after[f"features.{k}"], v)}
    assert moved["partial"]
    assert moved["partial"] < moved["full"]
    assert "1.weight" not in moved["partial"], "the stem stands still"
    assert "1.weight" in moved["full"]


def test_a_rare_class_weighs_more_when_asked_for(shapes: Pack, tmp_path: Path) -> None:
    source = load_masked(shapes, tmp_path)
    assert class_weights(source, settings(), 64) is None
    weights = class_weights(source, settings(class_weights=True), 64)
    assert weights is not None
    assert weights[0] < weights[1]
    assert weights[0] < weights[2]


def model_of(outcome: Outcome, service: FakeService) -> dict[str, Any]:
    names = ("model.safetensors", "model.json")
    return {"files": [{"name": n, **service.put(n, outcome.files[n].read_bytes())} for n in names]}


def test_a_hidden_test_set_with_its_classes_in_another_order_is_scored_alike(
    learnt: tuple[Outcome, Recorder], service: FakeService, engine: Engine, tmp_path: Path
) -> None:
    model = model_of(learnt[0], service)
    found = []
    for classes in (SHAPES, ["disc", "background", "square"]):
        hidden = masked_pack(0, 6, seed=7, classes=classes)
        wanted = assignment(service, hidden, kind="evaluation", task="segmentation", model=model)
        outcome = _execute(wanted, engine, PictureConverter(), Context(Recorder(tmp_path), tmp_path))
        found.append(outcome.result["metrics"])
        assert "mistakes" not in found[-1], "hidden pictures are not named"
    assert found[0]["miou"] > 0.6
    assert found[0] == found[1]
    other = masked_pack(0, 6, classes=["background", "square", "disc", "star"])
    with pytest.raises(InvalidInput, match="trained on other classes"):
        segmentation.evaluate(assignment(service, other, model=model), engine, Context(Recorder(tmp_path), tmp_path))


def test_a_prediction_is_a_mask_an_overlay_and_an_explanation(
    learnt: tuple[Outcome, Recorder], service: FakeService, engine: Engine, tmp_path: Path
) -> None:
    data, truth = drawn(70_001)  # both shapes
    picture = {"name": "both.jpg", **service.put("both.jpg", data)}
    wanted = assignment(
        service, None, kind="inference", task="segmentation", model=model_of(learnt[0], service), picture=picture
    )
    converter = PictureConverter()
    outcome = _execute(wanted, engine, converter, Context(Recorder(tmp_path), tmp_path))
    converter.close()
    shares = {row["label"]: row["share"] for row in outcome.result["classes"]}
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    assert sum(shares.values()) == pytest.approx(1)
    assert outcome.result["colours"]["disc"] == "#008000"
    assert outcome.result["explained"] in ("square", "disc")
    with Image.open(outcome.files["mask.png"]) as image:
        assert (image.mode, image.size) == ("P", (96, 96))
        mask = np.asarray(image)
    for number, label in enumerate(SHAPES):
        assert shares[label] == pytest.approx((mask == number).mean())
        inside = truth == number
        assert ((mask == number) & inside).sum() / ((mask == number) & (truth < 255) | inside).sum() > 0.3, label
    for name in ("overlay.png", "explanation.png"):
        with Image.open(outcome.files[name]) as image:
            assert (image.mode, image.size) == ("RGB", (96, 96))
    again = engine.model(wanted["model"]["files"], "segmentation")
    assert again is engine.model(wanted["model"]["files"], "segmentation"), "it stays warm"


def test_the_zip_runs_the_model_outside(learnt: tuple[Outcome, Recorder], engine: Engine, tmp_path: Path) -> None:
    outcome = learnt[0]
    with zipfile.ZipFile(outcome.files["run.zip"]) as archive:
        archive.extractall(tmp_path)
    (tmp_path / "in.jpg").write_bytes(convert("in.jpg", drawn(70_001)[0]))
    command = [sys.executable, "run.py", "in.jpg", "out.png"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "background" in said
    loaded = load_model(*(outcome.files[n].read_bytes() for n in ("model.json", "model.safetensors")), engine.backbone)
    with Image.open(tmp_path / "out.png") as image, Image.open(tmp_path / "in.jpg") as picture:
        mask = np.asarray(image)
        pixels = np.asarray(picture.resize((224, 224), Image.Resampling.BILINEAR), np.float32) / 127.5 - 1
    with torch.inference_mode():
        named = loaded.network(torch.from_numpy(pixels).permute(2, 0, 1)[None])[0].argmax(0).to(torch.uint8)
    expected = np.asarray(Image.fromarray(named.numpy()).resize((96, 96), Image.Resampling.NEAREST))
    assert (mask == expected).mean() > 0.999


def test_a_model_of_the_other_task_is_refused(
    learnt: tuple[Outcome, Recorder], service: FakeService, engine: Engine, tmp_path: Path
) -> None:
    wanted = assignment(service, make_pack(2, 1), kind="evaluation", model=model_of(learnt[0], service))
    with pytest.raises(InvalidInput, match="made for segmentation, and this is classification"):
        _execute(wanted, engine, PictureConverter(), Context(Recorder(tmp_path), tmp_path))


def blank(mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.zeros_like(mask)


UNUSABLE: dict[str, tuple[Pack, str]] = {
    "one class": (masked_pack(4, 2, classes=["background"]), "at least one class more"),
    "only background": (masked_pack(5, 2, mend=blank), "shows anything but “background”"),
    "another size": (masked_pack(4, 2, mend=lambda m: m[:-1]), "96 . 95 pixels and its picture 96 . 96"),
    "an unknown value": (masked_pack(4, 2, mend=lambda m: np.where(m == 1, 9, m).astype(np.uint8)), "has the value 9"),
    "a picture of classification": (make_pack(4, 1), "have no mask"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_an_unusable_set_is_refused_with_a_sentence(what: str, engine: Engine, tmp_path: Path) -> None:
    pack, sentence = UNUSABLE[what]
    if what == "only background":
        for image in pack.manifest["images"]:
            image["label"] = "background"
    with pytest.raises(InvalidInput, match=sentence):
        train(load_masked(pack, tmp_path), engine, tmp_path / "out", settings())


def test_a_set_of_which_nothing_is_counted_ends_with_figures_not_with_nan(engine: Engine, tmp_path: Path) -> None:
    pack = masked_pack(4, 2, mend=lambda m: np.full_like(m, 255))
    outcome, _ = train(load_masked(pack, tmp_path), engine, tmp_path / "out", settings(epochs=1))
    metrics = outcome.result["metrics"]["validation"]
    assert (metrics["miou"], metrics["accuracy"], metrics["loss"]) == (0.0, 0.0, 0.0)
    assert metrics["mistakes"] == []


def test_without_validation_pictures_some_are_held_out(engine: Engine, tmp_path: Path) -> None:
    source = load_masked(masked_pack(15, 0), tmp_path)
    outcome, recorder = train(source, engine, tmp_path / "out", settings(epochs=1))
    assert outcome.result["metrics"]["validation"]["count"] == len(source.by_split["validation"]) > 0
    assert any("held out" in data["text"] for kind, data in recorder.events if kind == "log")


def test_a_mask_that_no_shard_holds_is_our_fault(tmp_path: Path) -> None:
    pack = masked_pack(2, 1)
    pack.manifest["images"][0]["mask"]["sha256"] = "0" * 64
    with pytest.raises(Infrastructure) as raised:
        load_masked(pack, tmp_path)
    assert "in no shard" in raised.value.detail


def test_an_architecture_of_the_other_task_is_refused(shapes: Pack, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="does not know the architecture “small_cnn” for segmentation"):
        train(load_masked(shapes, tmp_path), engine, tmp_path / "out", settings(architecture="small_cnn"))


def test_a_learning_rate_that_is_too_high_ends_with_a_sentence(shapes: Pack, engine: Engine, tmp_path: Path) -> None:
    wanted = settings(learning_rate=1e30, optimizer="sgd", epochs=3)
    with pytest.raises(InvalidInput, match="no longer a number"):
        train(load_masked(shapes, tmp_path), engine, tmp_path / "out", wanted)


def test_the_zip_is_the_same_for_the_same_model() -> None:
    one = segmentation.run_zip({"model.json": b"{}"})
    assert one == segmentation.run_zip({"model.json": b"{}"})
    assert zipfile.ZipFile(io.BytesIO(one)).namelist() == ["model.json"]
