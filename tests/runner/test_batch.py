"""Many pictures in one job: the same answers as one by one, a row for what cannot be read, and bounded memory."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image

from axons_runner.backbones import LITE0_CHANNELS, Classifier, untrained
from axons_runner.context import Context
from axons_runner.engine import Engine
from axons_runner.errors import InvalidInput, Stopped
from axons_runner.modelfile import MEAN, STD, model_bytes
from axons_runner.pictures import PictureConverter
from axons_runner.segmenters import untrained_segmenter
from axons_runner.tasks import classification, segmentation
from axons_runner.tasks.batch import CHUNK, chunk_length, predict_batch
from tests.runner.conftest import Agents
from tests.runner.fake_service import FakeService
from tests.runner.synthetic import CLASSES, assignment, picture
from tests.runner.test_pictures import CONVERTED, REFUSED

SIZES = {"small_cnn": 64, "efficientnet_lite0": 224, "small_unet": 128}


class Heard:
    """What a job reported; asks it to stop after some progress."""

    def __init__(self, stop_after: int = 10**9) -> None:
        self.progress: list[dict[str, Any]] = []
        self.stop_after = stop_after

    def event(self, kind: str, data: Any) -> None:
        self.progress += [dict(data)] if kind == "progress" else []

    def checkpoint(self, path: Path, step: int, epoch: int) -> None:
        raise AssertionError("an inference saves no checkpoint")

    def stop_reason(self) -> Any:
        return "cancel" if len(self.progress) > self.stop_after else None


@pytest.fixture(scope="module")
def converter() -> Iterator[PictureConverter]:
    made = PictureConverter()
    yield made
    made.close()


def stored(service: FakeService, engine: Engine, architecture: str, *, spoilt: bool = False) -> list[dict[str, Any]]:
    """The files of a model with random weights."""
    frozen, marks = architecture == "efficientnet_lite0", architecture == "small_unet"
    network: Any
    if marks:
        network = untrained_segmenter(architecture, 3)
    else:
        shared = Classifier(engine.backbone.features, LITE0_CHANNELS, 3)
        network = shared if frozen else untrained(architecture, 3)
    if spoilt:
        network.head.weight.data.fill_(3e38)
    card = {
        "format": 1, "task": "segmentation" if marks else "classification", "architecture": architecture,
        "classes": CLASSES, "backbone": engine.backbone.description() if frozen else None,
        "preprocessing": {"image_size": SIZES[architecture], "resize": "squash", "mean": MEAN, "std": STD},
    }  # fmt: skip
    weights = service.put("model.safetensors", model_bytes(network, frozen=frozen))
    return [weights, service.put("model.json", json.dumps(card).encode())]


def zip_of(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def asked(service: FakeService, files: list[dict[str, Any]], pictures: dict[str, bytes] | bytes) -> dict[str, Any]:
    """An assignment for a zip of these, or for single pictures."""
    archive = service.put("holiday.zip", pictures) if isinstance(pictures, bytes) else None
    single = [] if archive else [service.put(name, data) for name, data in dict(pictures).items()]
    batch = {"archive": archive, "pictures": single, "max_pictures": 500}
    marks = b"segmentation" in service.objects["model.json"]
    task = "segmentation" if marks else "classification"
    return assignment(service, None, kind="inference", task=task, model={"files": files}, batch=batch)


def table(path: Path) -> tuple[list[str], list[list[str]]]:
    head, *rows = csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""))
    return head, rows


@pytest.mark.parametrize("architecture", ["small_cnn", "efficientnet_lite0"])
def test_a_batch_says_of_each_picture_what_a_single_prediction_says(
    architecture: str, service: FakeService, engine: Engine, converter: PictureConverter, tmp_path: Path
) -> None:
    pictures = {f"{number}.jpg": picture(number % 3, number, 96 + number) for number in range(CHUNK + 3)}
    model = stored(service, engine, architecture)
    heard = Heard()
    outcome = predict_batch(asked(service, model, zip_of(pictures)), engine, Context(heard, tmp_path), converter)
    head, rows = table(outcome.files["predictions.csv"])
    assert head == ["file", "class", *(f"probability of {name}" for name in CLASSES), "not read because"]
    assert [row[0] for row in rows] == list(pictures)
    for row in rows:
        one = classification.predict(
            asked(service, model, {}),
            engine,
            Context(Heard(), tmp_path),
            picture=converter.convert("", pictures[row[0]]),
        )
        alone = {each["label"]: each["probability"] for each in one.result["probabilities"]}
        assert [float(cell) for cell in row[2:5]] == pytest.approx([alone[name] for name in CLASSES], abs=2e-4)
        assert row[1] == one.result["probabilities"][0]["label"]
    summary = outcome.result["batch"]
    assert (summary["pictures"], summary["predicted"], summary["refused"]) == (CHUNK + 3, CHUNK + 3, 0)
    assert sum(summary["classes"].values()) == CHUNK + 3
    assert heard.progress[-1] == {"phase": "evaluating", "done": CHUNK + 3, "total": CHUNK + 3, "unit": "images"}


def test_masks_come_as_a_zip_beside_the_areas(
    service: FakeService, engine: Engine, converter: PictureConverter, tmp_path: Path
) -> None:
    pictures = {"a/one.jpg": picture(0, 1), "notes.txt": b"Dear teacher", "two.png": picture(1, 2, 300)}
    model = stored(service, engine, "small_unet")
    outcome = predict_batch(asked(service, model, pictures), engine, Context(Heard(), tmp_path), converter)
    head, rows = table(outcome.files["predictions.csv"])
    assert head[2:] == [*(f"area of {name}" for name in CLASSES), "mask", "not read because"]
    assert "is not a picture we can read" in rows[1][-1]
    with zipfile.ZipFile(outcome.files["masks.zip"]) as masks:
        assert masks.namelist() == ["0001-one.png", "0003-two.png"] == [rows[0][5], rows[2][5]]
        for row, size in ((rows[0], 96), (rows[2], 300)):
            mask = np.asarray(Image.open(io.BytesIO(masks.read(row[5]))))
            assert mask.shape == (size, size)
            shares = np.bincount(mask.reshape(-1), minlength=3) / mask.size
            assert [float(cell) for cell in row[2:5]] == pytest.approx(shares.tolist(), abs=1e-6)
    one = segmentation.predict(
        asked(service, model, {}), engine, Context(Heard(), tmp_path), picture=converter.convert("", picture(1, 2, 300))
    )
    alone = {each["label"]: each["share"] for each in one.result["classes"]}
    assert [float(cell) for cell in rows[2][2:5]] == pytest.approx([alone[name] for name in CLASSES], abs=2e-3)


def test_many_classes_are_marked_a_few_pictures_at_a_time() -> None:
    assert chunk_length(3, 128) == CHUNK
    assert chunk_length(255, 224) == 1


def test_a_model_whose_answers_are_no_numbers_leaves_nothing(
    service: FakeService, engine: Engine, converter: PictureConverter, tmp_path: Path
) -> None:
    model = stored(service, engine, "small_cnn", spoilt=True)
    with pytest.raises(InvalidInput, match=r"This model cannot be used.*“a.jpg”"):
        predict_batch(
            asked(service, model, {"a.jpg": picture(0, 1)}), engine, Context(Heard(), tmp_path), converter
        )  # fmt: skip


def test_it_stops_between_two_pictures_when_asked_to(
    service: FakeService, engine: Engine, converter: PictureConverter, tmp_path: Path
) -> None:
    pictures = {f"{number}.jpg": picture(0, number) for number in range(4)}
    job = asked(service, stored(service, engine, "small_cnn"), zip_of(pictures))
    with pytest.raises(Stopped):
        predict_batch(job, engine, Context(Heard(stop_after=1), tmp_path), converter)


@pytest.mark.slow
def test_a_hostile_zip_becomes_rows_and_the_runner_stays_warm(
    service: FakeService, engine: Engine, agents: Agents
) -> None:
    agent = agents.get()
    warm = sorted(p.pid for p in psutil.Process(agent.pid).children())
    assert service.claims[-1]["runner"]["batches"] is True
    hostile = {name: data for name, data, _ in REFUSED.values()}
    odd = {f"{what.replace(' ', '-')}.any": data for what, data in CONVERTED.items()}
    strange = {"../up.jpg": picture(0, 1), "more.zip": zip_of({"a.jpg": b"x"}), "bomb.png": bytes(64 << 20)}
    files = stored(service, engine, "small_cnn")
    service.offer(asked(service, files, zip_of({**hostile, **odd, **strange})))
    finish = service.wait_for(lambda: service.finished)[0]
    assert finish["outcome"] == "succeeded", finish
    counts = finish["result"]["batch"]
    assert (counts["predicted"], counts["refused"]) == (len(odd), len(hostile) + len(strange))
    (made,) = finish["files"]
    text = service.objects[made["key"]].decode("utf-8-sig")
    rows = {row[0]: row for row in csv.reader(io.StringIO(text, newline=""))}
    for name, _, why in REFUSED.values():
        assert why in rows[name][-1]
    assert [rows[name][1] in CLASSES for name in odd] == [True] * len(odd)
    assert {"fetching", "evaluating"} <= {each["phase"] for each in service.of_kind("progress")}

    service.offer(asked(service, files, b"Dear teacher, this is no zip."))
    failure = service.wait_for(lambda: service.finished[1:])[0]["failure"]
    assert failure["class"] == "invalid_input"
    assert failure["message"].startswith("“holiday.zip” is not a zip file")
    assert sorted(p.pid for p in psutil.Process(agent.pid).children()) == warm
