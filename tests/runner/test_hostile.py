"""Odd and hostile pictures and too little memory, met by a real runner: each ends its job, none ends the runner."""

from __future__ import annotations

import hashlib
import io
import resource
import sys
import tarfile
from pathlib import Path
from typing import Any

import psutil
import pytest

from axons_runner.data import TrainingSet, index_shards, read_pictures
from axons_runner.errors import InvalidInput
from tests.runner.conftest import Agents
from tests.runner.drawn import SHAPES, masked_hyperparameters, masked_pack
from tests.runner.fake_service import FakeService
from tests.runner.synthetic import CLASSES, Pack, assignment, hyperparameters, make_pack, picture
from tests.runner.test_pictures import CONVERTED, REFUSED, encoded, giant_png, gradient

pytestmark = pytest.mark.slow


def workers(agent: int) -> list[int]:
    """The agent's warm processes."""
    return sorted(p.pid for p in psutil.Process(agent).children() if "spawn_main" in " ".join(p.cmdline()))


def test_each_odd_picture_is_named_and_each_hostile_one_refused_by_the_same_warm_runner(
    service: FakeService, pack: Pack, agents: Agents
) -> None:
    agent = agents.get()
    service.offer(assignment(service, pack, hyperparameters=hyperparameters(epochs=1)))
    trained = service.wait_for(lambda: service.finished)[0]
    files = [
        service.put(file["name"], service.objects[file["key"]])
        for file in trained["files"]
        if file["name"] in ("model.safetensors", "model.json")
    ]
    before = workers(agent.pid)

    def ask(name: str, data: bytes) -> dict[str, Any]:
        ended = len(service.finished)
        upload = service.put(name, data)
        job = f"job-{ended}"
        service.offer(assignment(service, None, job=job, kind="inference", model={"files": files}, picture=upload))
        return dict(service.wait_for(lambda: service.finished[ended:])[0])

    for name, data, reason in REFUSED.values():
        failure = ask(name, data)["failure"]
        assert failure["class"] == "invalid_input"
        assert failure["message"].startswith(f"“{name}”")
        assert reason in failure["message"]
    for what, data in CONVERTED.items():
        named = ask(f"{what.replace(' ', '-')}.any", data)
        assert named["outcome"] == "succeeded", (what, named["failure"])
        assert sum(row["probability"] for row in named["result"]["probabilities"]) == pytest.approx(1, abs=1e-4)
    assert workers(agent.pid) == before, "no process was lost"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the memory of another process")
@pytest.mark.parametrize("task", ["classification", "segmentation"])
def test_a_training_without_memory_says_so_with_a_suggestion_and_the_next_one_trains(
    task: str, service: FakeService, pack: Pack, agents: Agents
) -> None:
    agent = agents.get("training")
    before = workers(agent.pid)
    (worker,) = before
    if task == "classification":
        large, changes = make_pack(per_class=90, held_out=2), hyperparameters(epochs=1, batch_size=270)
    else:  # the logits alone, 32 pictures of 250 classes and 128² pixels, are 524 MB
        classes = SHAPES + [f"class {number}" for number in range(len(SHAPES), 250)]
        large, changes = masked_pack(32, 5, classes=classes), masked_hyperparameters(epochs=1, batch_size=32)
    room = psutil.Process(worker).memory_info().vms + (100 << 20)
    resource.prlimit(worker, resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))
    service.offer(assignment(service, large, task=task, hyperparameters=changes))
    failure = service.wait_for(lambda: service.finished)[0]["failure"]
    assert failure["class"] == "out_of_memory"
    suggestion = {"classification": "Try a smaller batch size", "segmentation": "Try half the batch size"}
    assert suggestion[task] in failure["message"]

    resource.prlimit(worker, resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    service.offer(assignment(service, pack, job="job-2", hyperparameters=hyperparameters(epochs=1)))
    assert service.wait_for(lambda: service.finished[1:])[0]["outcome"] == "succeeded"
    assert workers(agent.pid) == before, "the warm process lives on"


HOSTILE = {
    "truncated": (picture(0, 1)[:900], "cannot be opened"),
    "a text": (b"not a picture", "cannot be opened"),
    "a bomb": (giant_png(30_000, 30_000), "cannot be opened"),
    "large": (giant_png(9_000, 9_000), "too large"),
    "a file of another format": (encoded(gradient(), "GIF"), "cannot be opened"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_picture_of_a_set_that_cannot_be_opened_is_named(what: str, tmp_path: Path) -> None:
    data, reason = HOSTILE[what]
    source = one_picture(data, tmp_path)
    with pytest.raises(InvalidInput, match=reason) as refusal:
        source.decode([0], 64)
    if what != "large":
        assert hashlib.sha256(data).hexdigest()[:12] in refusal.value.message


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "I;16", "CMYK"])
def test_a_picture_of_a_set_in_an_odd_mode_is_decoded(mode: str, tmp_path: Path) -> None:
    image = gradient("L").convert("I").convert("I;16") if mode == "I;16" else gradient(mode)
    data = encoded(image, "JPEG" if mode == "CMYK" else "PNG")
    assert one_picture(data, tmp_path).decode([0], 64).shape == (1, 64, 64, 3)
    assert one_picture(encoded(gradient(mode="L", size=(1, 1)), "PNG"), tmp_path).decode([0], 64).shape[1] == 64


def one_picture(data: bytes, folder: Path) -> TrainingSet:
    """A set of this one picture, which is what its hash promises."""
    digest = hashlib.sha256(data).hexdigest()
    shard = folder / f"{digest}.tar"
    with tarfile.open(shard, "w") as tar:
        member = tarfile.TarInfo(f"{digest}.jpg")
        member.size = len(data)
        tar.addfile(member, io.BytesIO(data))
    manifest = {"classes": CLASSES, "images": [{"sha256": digest, "label": CLASSES[0], "split": "train"}]}
    return TrainingSet(CLASSES, read_pictures(manifest), index_shards([shard]), "0")
