"""The agent as a process against a service: what it does when all is well, and when it is not."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from typing import Any

import psutil
import pytest
from PIL import Image
from safetensors.torch import load

from tests.runner.conftest import Agents
from tests.runner.fake_service import FakeService
from tests.runner.synthetic import CLASSES, Pack, assignment, hyperparameters, make_pack, picture

LONG = {"epochs": 40, "batch_size": 8}


def test_it_trains_streams_and_delivers_a_model_that_then_predicts_and_is_scored(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    agents.get()
    trained = hyperparameters(architecture="efficientnet_lite0", epochs=3, learning_rate=0.01)
    began = time.monotonic()
    service.offer(assignment(service, pack, hyperparameters=trained))
    service.wait_for(lambda: [m for m in service.of_kind("metrics") if m["split"] == "validation"])
    first_metric = time.monotonic() - began
    finish = service.wait_for(lambda: service.finished)[0]

    assert finish["outcome"] == "succeeded", finish
    assert first_metric < 15
    assert {f["name"] for f in finish["files"]} == {"model.safetensors", "model.json", "model.onnx", "metrics.json"}
    validation = finish["result"]["metrics"]["validation"]
    assert validation["accuracy"] == 1.0
    assert validation["count"] == 12
    assert finish["result"]["model"]["classes"] == CLASSES
    assert {"fetching", "embedding", "training", "exporting"} <= {p["phase"] for p in service.of_kind("progress")}
    assert [e["seq"] for e in service.events] == list(range(1, len(service.events) + 1))
    splits = {m["split"] for m in service.of_kind("metrics")}
    assert splits == {"train", "validation"}
    keys = {f["name"]: f["key"] for f in finish["files"]}
    assert set(load(service.objects[keys["model.safetensors"]])) == {"head.weight", "head.bias"}

    files = [service.put(name, service.objects[keys[name]]) for name in ("model.safetensors", "model.json")]
    upload = service.put("green.jpg", picture(1, 4321))
    service.offer(assignment(service, None, job="job-2", kind="inference", model={"files": files}, picture=upload))
    prediction = service.wait_for(lambda: service.finished[1:])[0]
    assert prediction["outcome"] == "succeeded", prediction
    ranked = prediction["result"]["probabilities"]
    assert ranked[0]["label"] == "green"
    assert sum(p["probability"] for p in ranked) == pytest.approx(1, abs=1e-5)
    made = {f["name"]: service.objects[f["key"]] for f in prediction["files"]}
    assert Image.open(io.BytesIO(made["picture.jpg"])).size == (96, 96)
    assert Image.open(io.BytesIO(made["overlay.png"])).format == "PNG"

    hidden = make_pack(per_class=6, held_out=0, split="test", seed=9)
    service.offer(assignment(service, hidden, job="job-3", kind="evaluation", model={"files": files}))
    score = service.wait_for(lambda: service.finished[2:])[0]
    assert score["outcome"] == "succeeded", score
    assert score["result"]["metrics"]["count"] == 18
    assert score["result"]["metrics"]["accuracy"] == 1.0
    assert not any(image["sha256"] in json.dumps(score) for image in hidden.manifest["images"])


def test_a_picture_does_not_wait_behind_an_epoch(service: FakeService, pack: Pack, agents: Agents) -> None:
    agents.get()
    quick = hyperparameters(epochs=1)
    service.offer(assignment(service, pack, hyperparameters=quick))
    finish = service.wait_for(lambda: service.finished)[0]
    keys = {f["name"]: f["key"] for f in finish["files"]}
    files = [service.put(name, service.objects[keys[name]]) for name in ("model.safetensors", "model.json")]

    service.offer(assignment(service, pack, job="job-2", hyperparameters=hyperparameters(epochs=1000)))
    service.wait_for(lambda: any(b["attempt"] and b["events"] for b in service.batches[-2:]))
    service.offer(
        assignment(
            service, None, job="job-3", kind="inference", model={"files": files},
            picture=service.put("p.jpg", picture(0, 5)),
        )
    )  # fmt: skip
    service.wait_for(lambda: service.finished[1:], 20)
    assert "probabilities" in service.finished[1]["result"]
    service.cancel = True
    assert service.wait_for(lambda: service.finished[2:])[0]["outcome"] == "cancelled"


def test_a_superseded_attempt_is_dropped_at_once_and_the_runner_lives_on(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    agent = agents.get()
    service.offer(assignment(service, pack, hyperparameters=hyperparameters(**LONG)))
    service.wait_for(lambda: service.of_kind("metrics"))
    child = _training_worker(agent.pid)
    service.superseded = True
    service.wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, 3)
    said = len(service.batches)
    claims = len(service.claims)

    service.superseded = False
    service.wait_for(lambda: len(service.claims) > claims, 30)
    assert len(service.batches) == said
    assert service.finished == []


def test_cancel_stops_the_compute_within_five_seconds(service: FakeService, pack: Pack, agents: Agents) -> None:
    agents.get()
    service.offer(assignment(service, pack, hyperparameters=hyperparameters(**LONG)))
    service.wait_for(lambda: service.of_kind("metrics"))
    service.cancel = True
    asked = time.monotonic()
    finish = service.wait_for(lambda: service.finished, 6)[0]
    assert time.monotonic() - asked < 5
    assert finish["outcome"] == "cancelled"
    assert finish["files"] == []


def test_sigterm_saves_a_checkpoint_and_releases_the_job_and_the_next_attempt_continues(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    agent = agents.get()
    settings = hyperparameters(epochs=20)
    service.offer(assignment(service, pack, hyperparameters=settings))
    service.wait_for(lambda: service.of_kind("metrics"))
    children = _workers(agent.pid)
    asked = time.monotonic()
    agent.send_signal(signal.SIGTERM)
    assert agent.wait(12) == 0
    assert time.monotonic() - asked < 10
    assert [f["outcome"] for f in service.finished] == ["released"]
    assert not [c for c in children if c.is_running() and c.status() != psutil.STATUS_ZOMBIE]
    saved = service.checkpoints[-1]
    assert saved["step"] > 0

    resume = {
        "step": saved["step"],
        "epoch": saved["epoch"],
        "file": service.put("checkpoint", service.objects[saved["key"]]),
    }
    agents.get()
    service.offer(assignment(service, pack, attempt=2, resume=resume, hyperparameters=settings))
    finish = service.wait_for(lambda: service.finished[1:], 60)[0]
    assert finish["outcome"] == "succeeded"
    second = [e["data"] for e in service.events if e["kind"] == "metrics" and e["attempt"] == 2]
    assert min(row["step"] for row in second if row["split"] == "train") > saved["step"]
    # saved after an epoch's last step, the validation of that very step is still to come
    assert min(row["step"] for row in second) >= saved["step"]


def test_a_batch_whose_answer_was_lost_is_sent_again_and_counts_once(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    lost: list[dict[str, Any]] = []

    def lose_the_first_answers(call: str, body: dict[str, Any]) -> str | None:
        if call == "finish" and "finish" not in [entry["call"] for entry in lost]:
            lost.append({"call": call, **body})
            return "drop"
        if call == "events" and body["events"] and len(lost) < 2:
            lost.append({"call": call, **body})
            return "drop"
        return None

    service.trouble = lose_the_first_answers
    agents.get()
    service.offer(assignment(service, pack))
    service.wait_for(lambda: len(service.finished) >= 2)
    resent = [b for b in service.batches if b["seq"] == lost[0]["seq"] and b["events"]]
    assert len(resent) >= 2
    assert resent[0]["events"] == resent[1]["events"]
    assert [e["seq"] for e in service.events] == list(range(1, len(service.events) + 1))
    assert service.finished[0] == service.finished[1]


def test_training_goes_on_while_the_service_is_away(service: FakeService, pack: Pack, agents: Agents) -> None:
    agents.get()
    service.offer(assignment(service, pack, hyperparameters=hyperparameters(epochs=6)))
    service.wait_for(lambda: service.of_kind("metrics"))
    service.trouble = lambda call, body: "down"
    time.sleep(2.5)
    service.trouble = lambda call, body: None
    finish = service.wait_for(lambda: service.finished, 40)[0]
    assert finish["outcome"] == "succeeded"
    validations = [m["epoch"] for m in service.of_kind("metrics") if m["split"] == "validation"]
    assert validations == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_the_time_limit_is_a_sentence(service: FakeService, pack: Pack, agents: Agents) -> None:
    agents.get()
    settings = hyperparameters(**LONG)
    service.offer(assignment(service, pack, hyperparameters=settings, time_limit_seconds=1.5))
    failure = service.wait_for(lambda: service.finished, 10)[0]["failure"]
    assert failure["class"] == "time_limit"
    assert "0.025 minutes, the time limit of this exercise" in failure["message"]


def test_a_hostile_picture_is_refused_by_name_and_the_next_one_is_served(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    agents.get()
    service.offer(
        assignment(
            service, None, kind="inference", model={"files": []}, picture=service.put("notes.jpg", b"not a picture")
        )
    )
    failure = service.wait_for(lambda: service.finished)[0]["failure"]
    assert failure["class"] == "invalid_input"
    assert failure["message"].startswith("“notes.jpg” is not a picture we can read.")


def test_a_crash_of_the_child_is_our_fault_and_the_runner_claims_again(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    agent = agents.get()
    service.offer(assignment(service, pack, hyperparameters=hyperparameters(**LONG)))
    service.wait_for(lambda: service.of_kind("metrics"))
    child = _training_worker(agent.pid)
    claims = len(service.claims)
    child.kill()
    finish = service.wait_for(lambda: service.finished, 5)[0]
    assert finish["outcome"] == "failed"
    assert finish["failure"]["class"] == "infrastructure"
    assert "not used" in finish["failure"]["message"]
    service.wait_for(lambda: len(service.claims) > claims, 30)


def test_children_end_at_once_when_the_agent_is_killed(service: FakeService, pack: Pack, agents: Agents) -> None:
    agent = agents.get()
    children = psutil.Process(agent.pid).children(recursive=True)
    assert len(children) >= 3  # two workers and the picture converter
    os.kill(agent.pid, signal.SIGKILL)
    _, alive = psutil.wait_procs(children, timeout=5)
    assert alive == [], [p.cmdline() for p in alive]


def _workers(pid: int) -> list[psutil.Process]:
    """The agent's warm processes (not multiprocessing's resource tracker)."""
    return [p for p in psutil.Process(pid).children() if "spawn_main" in " ".join(p.cmdline())]


def _training_worker(pid: int) -> psutil.Process:
    """The one without a picture converter."""
    (worker,) = [p for p in _workers(pid) if not p.children()]
    return worker
