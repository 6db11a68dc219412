"""Half precision on GPUs without bfloat16: which number type, the loss scaled, and the scale kept over a resume."""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors import safe_open

from axons_runner.backbones import small_cnn
from axons_runner.context import Context
from axons_runner.data import TrainingSet
from axons_runner.errors import InvalidInput, Stopped
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.tasks import classification
from axons_runner.tasks.loop import Training
from axons_runner.tuning import CANDIDATES, USUAL, Plan, candidates
from tests.runner.synthetic import hyperparameters, load_pack, make_pack
from tests.runner.test_training import Recorder, train

if TYPE_CHECKING:
    from axons_runner.engine import Engine

FLOAT16 = Plan(number_type="float16")
TOO_LARGE = 2.0**17  # at this scale gradients overflow in the tests: the step is left out and the scale halved


@pytest.fixture
def scaled(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training scales its loss as on a V100; the layers compute in float32: float16 takes seconds a step here."""
    monkeypatch.setattr(engine.plans, "get", lambda architecture: FLOAT16)
    monkeypatch.setattr(Plan, "computing", lambda plan, device: nullcontext())
    ready = Training.__post_init__

    def begin(training: Training) -> None:
        ready(training)
        training.scaler.set_growth_interval(2)

        def overflow(gradient: torch.Tensor) -> torch.Tensor:
            return gradient * float("inf") if training.scaler.get_scale() >= TOO_LARGE else gradient

        training.learning[0].register_hook(overflow)

    monkeypatch.setattr(Training, "__post_init__", begin)


@pytest.fixture
def source(tmp_path: Path) -> TrainingSet:
    return load_pack(make_pack(per_class=4, held_out=2), tmp_path)


@pytest.mark.parametrize(
    ("capability", "expected"),
    [(None, "bfloat16"), ((9, 0), "bfloat16"), ((8, 0), "bfloat16"), ((7, 5), "float16"), ((7, 0), "float16")],
)
def test_each_gpu_is_asked_for_the_half_precision_it_computes_in(
    capability: tuple[int, int] | None, expected: str
) -> None:
    assert [p.number_type for p in candidates(capability)] == ["float32", "float32", expected]
    assert [p.scales for p in candidates(capability)] == [False, False, expected == "float16"]


def test_a_gpu_without_tensor_cores_stays_with_float32() -> None:
    assert candidates((6, 1)) == CANDIDATES[:2]


def test_a_scaled_training_resumed_ends_bit_equal_also_after_a_step_left_out(
    scaled: None, source: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    wanted = Hyperparameters.read(hyperparameters(epochs=3, batch_size=4, gradient_clip=1.0))
    whole, _ = train(source, engine, tmp_path / "whole", wanted)
    interrupted = Recorder(tmp_path, stop_after=5)
    (tmp_path / "cut").mkdir()
    with pytest.raises(Stopped):
        classification.train_on(source, wanted, engine, Context(interrupted, tmp_path / "cut"))
    saved = interrupted.checkpoints[-1]
    with safe_open(str(saved), "pt") as file:
        kept = json.loads(file.metadata()["scaler"])
        assert json.loads(file.metadata()["position"])["step"] > 3, "the third step was left out"
    assert (kept["scale"], kept["_growth_tracker"]) != (65536.0, 0), "a new scaler would leave out other steps"
    resumed, _ = train(source, engine, tmp_path / "resumed", wanted, resume=saved)
    assert [name for name in whole if not torch.equal(whole[name], resumed[name])] == []


def test_a_step_whose_gradient_overflows_changes_no_weight(scaled: None) -> None:
    model = small_cnn(2)
    training = Training(model, Hyperparameters.read(hyperparameters()), 4, "f", FLOAT16)
    training.scaler.load_state_dict(training.scaler.state_dict() | {"scale": TOO_LARGE})
    before = {name: value.clone() for name, value in model.state_dict().items() if "running" not in name}
    training.step(model.eval()(torch.rand(2, 3, 64, 64)).square().mean())
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in before.items())
    assert training.scaler.get_scale() == TOO_LARGE / 2


def test_gradients_are_clipped_as_they_are_not_as_they_were_scaled() -> None:
    wanted = Hyperparameters.read(hyperparameters(gradient_clip=0.5, optimizer="sgd"))
    images, moved = torch.rand(4, 3, 64, 64), []
    for plan in (USUAL, FLOAT16):
        torch.manual_seed(1)
        model = small_cnn(2).eval()
        training = Training(model, wanted, 4, "f", plan)
        training.step(model(images).square().mean() * 100)
        moved.append(model.head.weight.detach().clone())
    assert torch.allclose(moved[0], moved[1], rtol=1e-5, atol=1e-7)


def test_gradients_that_overflow_at_any_scale_end_with_a_sentence() -> None:
    model = small_cnn(2)
    training = Training(model, Hyperparameters.read(hyperparameters()), 4, "f", FLOAT16)
    training.learning[0].register_hook(lambda gradient: gradient * float("nan"))
    images = torch.rand(2, 3, 64, 64)
    for _ in range(16):
        training.step(model(images).square().mean())
    loss = model(images).square().mean()
    with pytest.raises(InvalidInput, match=r"gradients were no longer a number after 16 steps.*try a tenth"):
        training.step(loss)
