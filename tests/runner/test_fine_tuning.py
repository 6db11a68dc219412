"""Fine-tuning a pretrained network: what learns, what stays, when it stops, and that a plain script learns the same."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional

from axons_runner import context as context_module
from axons_runner.augmentation import CROP_AREA, vary
from axons_runner.backbones import LITE0_CHANNELS, Classifier, lite0_blocks, lite0_features, small_cnn
from axons_runner.context import Context
from axons_runner.data import PixelTable, TrainingSet, shuffled
from axons_runner.errors import InvalidInput, Stopped
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.modelfile import load_model
from axons_runner.tasks import classification
from axons_runner.tasks.loop import PRETRAINED_RATE, Training, make_criterion
from tests.runner.synthetic import CLASSES, Pack, hyperparameters, load_pack, make_pack
from tests.runner.test_training import Recorder, train

if TYPE_CHECKING:
    from axons_runner.engine import Engine


@pytest.fixture(scope="module")
def tiny() -> Pack:
    return make_pack(per_class=4, held_out=2)


@pytest.fixture
def source(tiny: Pack, tmp_path: Path) -> TrainingSet:
    return load_pack(tiny, tmp_path)


def fine(**changes: Any) -> Hyperparameters:
    base = {"architecture": "efficientnet_lite0", "epochs": 1, "batch_size": 4, "augmentation": False}
    return Hyperparameters.read(hyperparameters(**base | {"fine_tuning": "full"} | changes))


def test_only_the_last_blocks_learn_in_a_partial_fine_tuning(
    source: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    before = {f"features.{k}": v.clone() for k, v in engine.backbone.features.state_dict().items()}
    weights, _ = train(source, engine, tmp_path / "out", fine(fine_tuning="partial", trainable_blocks=2))
    count = len(list(engine.backbone.features.children()))
    learning = count - sum(len(block) for block in lite0_blocks(engine.backbone.features)[-2:])
    moved = {k for k, v in before.items() if not torch.equal(v, weights[k])}
    assert moved == {k for k in before if int(k.split(".")[1]) >= learning}, "batch norms of the others stand still too"
    after = engine.backbone.features.state_dict()
    assert all(torch.equal(before[f"features.{k}"], v) for k, v in after.items()), "the shared backbone is untouched"


def test_the_blocks_are_the_whole_network_in_order() -> None:
    features = lite0_features()
    blocks = lite0_blocks(features)
    assert len(blocks) == 18
    assert [layer for block in blocks for layer in block] == list(features.children())


def test_a_full_fine_tuning_leaves_a_model_of_its_own_and_a_sheet_of_varied_pictures(
    source: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    wanted = fine(augmentation=True)
    recorder = Recorder(tmp_path)
    outcome = classification.train_on(source, wanted, engine, Context(recorder, tmp_path))
    card = json.loads(outcome.files["model.json"].read_bytes())
    assert card["backbone"] is None
    model = load_model(
        outcome.files["model.json"].read_bytes(), outcome.files["model.safetensors"].read_bytes(), engine.backbone
    )
    assert not model.frozen
    scores = classification.evaluate_on(
        load_pack(make_pack(3, 0), tmp_path), model, engine, Context(recorder, tmp_path)
    )
    assert scores["count"] == 9
    with Image.open(io.BytesIO(outcome.files["augmentation.jpg"].read_bytes())) as page:
        assert page.size == (6 * 96, 6 * 96)
        original, varied = (page.crop((96 * n, 0, 96 * (n + 1), 96)).tobytes() for n in (0, 1))
        assert original != varied


def test_from_scratch_begins_without_the_published_weights(engine: Engine) -> None:
    ours = classification.begin_network(fine(fine_tuning="scratch"), 3, engine).features.state_dict()
    theirs = classification.begin_network(fine(), 3, engine).features.state_dict()
    published = engine.backbone.features.state_dict()
    assert all(torch.equal(theirs[k], v) for k, v in published.items())
    assert not torch.equal(ours["1.weight"], published["1.weight"])


@pytest.mark.parametrize(
    "changes",
    [
        {"fine_tuning": "partial", "augmentation": True, "optimizer": "sgd", "schedule": "step", "gradient_clip": 1.0},
        {"fine_tuning": "full", "patience": 2, "optimizer": "adam", "warmup_epochs": 1, "class_weights": True},
        {"architecture": "small_cnn", "augmentation": True, "flip": True, "colour": True, "patience": 1},
    ],
)
def test_a_resumed_fine_tuning_ends_bit_equal(
    changes: dict[str, Any], source: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    wanted = fine(epochs=2, **changes)
    whole, _ = train(source, engine, tmp_path / "whole", wanted)
    interrupted = Recorder(tmp_path, stop_after=3)  # the three steps of an epoch, then its validation
    (tmp_path / "cut").mkdir()
    with pytest.raises(Stopped):
        classification.train_on(source, wanted, engine, Context(interrupted, tmp_path / "cut"))
    torch.manual_seed(12345)
    resumed, recorder = train(source, engine, tmp_path / "resumed", wanted, resume=interrupted.checkpoints[-1])
    assert [row["epoch"] for row in recorder.metrics("validation")] == [1.0, 2.0], "the first is judged after all"
    assert [k for k in whole if not torch.equal(whole[k], resumed[k])] == []


def test_patience_stops_early_and_keeps_the_best_epoch_also_over_a_resume(
    source: TrainingSet, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "CHECKPOINT_GAP_SECONDS", 0.0)
    # so high a rate that the network forgets what it knew after the first epochs
    wanted = fine(architecture="small_cnn", epochs=40, patience=2, learning_rate=0.3, schedule="constant")
    whole, recorder = train(source, engine, tmp_path / "whole", wanted)
    rows = recorder.metrics("validation")
    order = [(row["accuracy"], -row["loss"]) for row in rows]
    best = order.index(max(order))
    assert best == len(rows) - 3, "two epochs were no better than the best"
    assert len(rows) < 40
    assert any("are kept" in data.get("text", "") for kind, data in recorder.events if kind == "log")
    shorter, _ = train(source, engine, tmp_path / "shorter", replace(wanted, epochs=best + 1, patience=0))
    assert [k for k in whole if not torch.equal(whole[k], shorter[k])] == [], "the weights of the best epoch"
    resumed, later = train(source, engine, tmp_path / "later", wanted, resume=recorder.checkpoints[-1])
    assert len(later.metrics("validation")) <= 1, "the epochs before the checkpoint count"
    assert [k for k in whole if not torch.equal(whole[k], resumed[k])] == []


def test_our_fine_tuning_and_a_plain_script_with_one_seed_give_the_same_loss_curve(
    source: TrainingSet, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "METRICS_SECONDS", 0.0)
    wanted = fine(optimizer="sgd", gradient_clip=2.0, label_smoothing=0.1, learning_rate=0.01, epochs=2)
    recorder = Recorder(tmp_path)
    context = Context(recorder, tmp_path, metrics_clock=context_module.Every(0))
    classification.train_on(source, wanted, engine, context)
    ours = [row["loss"] for row in recorder.metrics("train")]

    torch.manual_seed(wanted.seed)
    model = Classifier(lite0_features(), LITE0_CHANNELS, 3)
    model.features.load_state_dict(engine.backbone.features.state_dict())
    groups = [
        {"params": model.head.parameters(), "lr": 0.01},
        {"params": model.features.parameters(), "lr": 0.01 * PRETRAINED_RATE},
    ]
    optimizer = torch.optim.SGD(groups, momentum=0.9, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=6)
    part = source.by_split["train"]
    pixels, labels = torch.from_numpy(source.decode(part, 224)), source.labels(part)
    curve = []
    model.train()
    for epoch in (1, 2):
        for chosen in torch.tensor(shuffled(12, wanted.seed, epoch)).split(4):
            images = (pixels[chosen].permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.5
            loss = functional.cross_entropy(model(images), labels[chosen], label_smoothing=0.1)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 2.0)
            optimizer.step()
            schedule.step()
            curve.append(loss.item())
    assert len(ours) == len(curve) == 6
    assert ours[0] == pytest.approx(curve[0], rel=1e-4)
    assert ours == pytest.approx(curve, rel=2e-2), "rounding grows from step to step"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"schedule": "constant"}, [1, 1, 1, 1, 1, 1]),
        ({"schedule": "step"}, [1, 1, 0.1, 0.1, 0.01, 0.01]),
        ({"schedule": "cosine"}, [1, 0.9330, 0.75, 0.5, 0.25, 0.0670]),
        ({"schedule": "constant", "warmup_epochs": 1.5}, [1 / 3, 2 / 3, 1, 1, 1, 1]),
        ({"schedule": "cosine", "warmup_epochs": 9}, [1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6, 1]),
    ],
)
def test_the_learning_rate_follows_its_schedule(changes: dict[str, Any], expected: list[float]) -> None:
    wanted = fine(architecture="small_cnn", epochs=3, learning_rate=1.0, **changes)
    training = Training(small_cnn(2), wanted, 2, "f")
    rates = []
    for _ in range(6):
        rates.append(training.learning_rate)
        training.position.step += 1
    assert rates == pytest.approx(expected, abs=1e-4)


def test_class_weights_make_rare_classes_count_as_much() -> None:
    labels = torch.tensor([0, 0, 0, 1])
    weight = make_criterion(fine(class_weights=True), labels, 3).weight
    assert weight is not None
    assert weight.tolist() == pytest.approx([4 / 9, 4 / 3, 4 / 3])
    assert make_criterion(fine(), labels, 3).weight is None


def test_a_rate_too_high_ends_with_a_sentence(source: TrainingSet, engine: Engine, tmp_path: Path) -> None:
    wanted = fine(architecture="small_cnn", epochs=20, learning_rate=1e30, schedule="constant", optimizer="sgd")
    with pytest.raises(InvalidInput, match="no longer a number after"):
        train(source, engine, tmp_path / "out", wanted)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"optimizer": "lion"}, "no optimizer named “lion”"),
        ({"fine_tuning": "most"}, "no fine tuning named “most”"),
        ({"schedule": "linear"}, "known are cosine, constant, step"),
        ({"patience": -1}, "below zero"),
        ({"weight_decay": float("nan")}, "below zero"),
        ({"label_smoothing": 1}, "below one"),
        ({"trainable_blocks": 0}, "At least one block"),
        ({"warmup_epochs": "soon"}, "not complete"),
    ],
)
def test_what_no_author_can_have_allowed_is_a_sentence(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        fine(**values)


def test_variation_is_a_function_of_its_seed_and_leaves_no_trace_in_the_random_state() -> None:
    pixels = torch.randint(0, 256, (4, 40, 40, 3), dtype=torch.uint8)
    state = torch.get_rng_state()
    everything = ("flip", "crop", "colour")
    assert torch.equal(vary(pixels, everything, 7), vary(pixels, everything, 7))
    assert not torch.equal(vary(pixels, everything, 7), vary(pixels, everything, 8))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(vary(pixels, (), 7), pixels)


def test_each_switch_does_what_it_says() -> None:
    pixels = torch.randint(0, 256, (40, 24, 24, 3), dtype=torch.uint8)
    flipped = vary(pixels, ("flip",), 1)
    mirrored = [torch.equal(a, b.flip(1)) for a, b in zip(flipped, pixels, strict=True)]
    same = [torch.equal(a, b) for a, b in zip(flipped, pixels, strict=True)]
    assert all(a or b for a, b in zip(mirrored, same, strict=True))
    assert 8 < sum(mirrored) < 32
    plain = torch.full((4, 24, 24, 3), 100, dtype=torch.uint8)
    assert torch.equal(vary(plain, ("crop",), 1), plain), "a crop of one colour is of that colour"
    tinted = vary(plain, ("colour",), 1)
    assert len({picture.float().mean().item() for picture in tinted}) > 1
    assert CROP_AREA[0] > 0.5, "the object stays in the picture"


def test_pictures_are_decoded_when_they_are_asked_for_in_memory_or_in_a_file(
    source: TrainingSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything = list(range(len(source.pictures)))
    expected = torch.from_numpy(source.decode(everything, 32))
    for limit in (1 << 30, 0):
        monkeypatch.setattr("axons_runner.data.PIXELS_IN_MEMORY", limit)
        table = PixelTable(source, everything, 32, tmp_path)
        assert torch.equal(table[torch.tensor([5, 2])], expected[[5, 2]])
        assert int(table.there.sum()) == 2
        assert torch.equal(table[torch.arange(len(everything))], expected)
    assert len(list(tmp_path.glob("pixels-*"))) == 1
    assert len(CLASSES) == 3
