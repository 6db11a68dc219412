"""How a model computes is measured once, kept, and survives a resume."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from axons_runner.backbones import small_cnn
from axons_runner.checkpoint import Position, checkpoint_plan, save_checkpoint
from axons_runner.tuning import CANDIDATES, USUAL, Plan, Plans, fastest, step_seconds

if TYPE_CHECKING:
    from axons_runner.engine import Engine

HALF = Plan(number_type="bfloat16")


def test_the_usual_plan_is_left_only_for_one_that_is_clearly_faster() -> None:
    assert fastest(lambda plan: 0.5 if plan == HALF else 1.0) == HALF
    assert fastest(lambda plan: 0.95 if plan == HALF else 1.0) == USUAL
    assert fastest(lambda plan: 1.0) == USUAL


def test_one_slow_step_decides_nothing() -> None:
    left = dict.fromkeys(CANDIDATES, 2)

    def seconds(plan: Plan) -> float:
        left[plan] -= 1
        disturbed = plan == HALF and left[plan] in (0, -1)
        return 30.0 if disturbed else 0.4 if plan == HALF else 1.0

    assert fastest(seconds) == HALF


def test_a_plan_is_measured_once_on_a_machine_and_kept(tmp_path: Path) -> None:
    plans = Plans(tmp_path / "plans.json", "machine a")
    assert plans.get("small_cnn") == USUAL
    assert plans.measure("small_cnn", lambda plan: 0.5 if plan == HALF else 1.0) == HALF
    again = Plans(tmp_path / "plans.json", "machine a")
    assert again.measure("small_cnn", lambda plan: pytest.fail("measured again")) == HALF
    assert Plans(tmp_path / "plans.json", "machine b").get("small_cnn") == USUAL


@pytest.mark.parametrize(
    "content", [b"", b"[1]", b"{", b'{"small_cnn on m": {"memory_format": "no", "number_type": 1}}']
)
def test_a_damaged_file_of_plans_is_measured_again(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "plans.json").write_bytes(content)
    plans = Plans(tmp_path / "plans.json", "m")
    assert plans.get("small_cnn") == USUAL
    assert plans.measure("small_cnn", lambda plan: 0.5 if plan == HALF else 1.0) == HALF
    assert json.loads((tmp_path / "plans.json").read_bytes())["small_cnn on m"]["number_type"] == "bfloat16"


def test_a_folder_that_cannot_be_written_stops_no_start(tmp_path: Path) -> None:
    assert Plans(tmp_path / "absent" / "plans.json", "m").measure("small_cnn", lambda plan: 1.0) == USUAL


def test_every_plan_computes_the_same_loss_within_its_precision() -> None:
    torch.manual_seed(0)
    model, images = small_cnn(3).eval(), torch.rand(4, 3, 64, 64)
    logits = {}
    for plan in CANDIDATES:
        plan.place(model, torch.device("cpu"))
        with torch.no_grad(), plan.computing(torch.device("cpu")):
            logits[plan] = model(plan.arrange(images)).float()
    largest = float(logits[USUAL].abs().max())
    assert torch.allclose(logits[Plan("contiguous")], logits[USUAL], atol=1e-5)
    assert torch.allclose(logits[HALF], logits[USUAL], atol=0.03 * largest)
    assert not torch.equal(logits[HALF], logits[USUAL]), "bfloat16 was used"


def test_a_step_is_timed_with_its_backward_pass() -> None:
    seconds = step_seconds(lambda: small_cnn(2), torch.zeros(2, 3, 64, 64), torch.device("cpu"))
    assert all(seconds(plan) > 0 for plan in CANDIDATES)


def test_a_checkpoint_says_how_its_run_computes(tmp_path: Path) -> None:
    model = small_cnn(2)
    optimizer = torch.optim.AdamW(model.parameters())
    path = tmp_path / "checkpoint"
    save_checkpoint(path, model=model, optimizer=optimizer, position=Position(), fingerprint="f", plan=HALF)
    assert checkpoint_plan(path) == HALF
    path.write_bytes(b"damaged")
    assert checkpoint_plan(path) is None


def test_a_warm_engine_has_measured_and_kept_its_plan(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "plans", Plans(tmp_path / "plans.json", "this machine"))
    engine.warm_up(training=False)
    assert not (tmp_path / "plans.json").exists(), "the slot that only predicts does not measure"
    engine.warm_up()
    kept = json.loads((tmp_path / "plans.json").read_bytes())["small_cnn on this machine"]
    assert Plan.read(kept) == engine.plans.get("small_cnn")
