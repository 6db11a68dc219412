"""Training itself: deterministic, resumable to the bit, and honest about what it cannot do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from axons_runner import context as context_module
from axons_runner.cache import DiskCache
from axons_runner.context import Context
from axons_runner.data import Batches, TrainingSet, augment, shuffled
from axons_runner.embedding import EmbeddedSet, View
from axons_runner.embedding_cache import EmbeddingCache
from axons_runner.errors import Infrastructure, InvalidInput, Stopped, StopReason
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.tasks import classification, frozen
from axons_runner.tasks.frozen import ENOUGH_TO_VALIDATE, arrival, epoch_views, interleave
from axons_runner.tuning import USUAL, Plan
from tests.runner.fake_service import FakeService
from tests.runner.synthetic import CLASSES, Pack, hyperparameters, load_pack, make_pack

if TYPE_CHECKING:
    from axons_runner.engine import Engine


class Recorder:
    """Keeps what a task reports; asks it to stop after a number of train steps seen in checkpoints or metrics."""

    def __init__(self, folder: Path, stop_after: int | None = None, reason: StopReason = "release") -> None:
        self.folder, self.stop_after, self.reason = folder, stop_after, reason
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.checkpoints: list[Path] = []
        self.asked = 0

    def event(self, kind: str, data: Mapping[str, Any]) -> None:
        self.events.append((kind, dict(data)))

    def checkpoint(self, path: Path, step: int, epoch: int) -> None:
        self.checkpoints.append(path)

    def stop_reason(self) -> StopReason | None:
        self.asked += 1
        return self.reason if self.stop_after is not None and self.asked > self.stop_after else None

    def metrics(self, split: str) -> list[dict[str, Any]]:
        return [data for kind, data in self.events if kind == "metrics" and data["split"] == split]


@pytest.fixture
def training_set(pack: Pack, tmp_path: Path) -> TrainingSet:
    return load_pack(pack, tmp_path)


def settings(**changes: Any) -> Hyperparameters:
    return Hyperparameters.read(hyperparameters(**changes))


def train(
    source: TrainingSet, engine: Engine, folder: Path, wanted: Hyperparameters, **options: Any
) -> tuple[dict[str, torch.Tensor], Recorder]:
    """Train and return the weights and what was reported."""
    resume = options.pop("resume", None)
    folder.mkdir(exist_ok=True)
    recorder = Recorder(folder, **options)
    outcome = classification.train_on(source, wanted, engine, Context(recorder, folder), resume=resume)
    return load_file(outcome.files["model.safetensors"]), recorder


@pytest.mark.parametrize(("architecture", "moment"), [("small_cnn", 13), ("efficientnet_lite0", 15)])
def test_a_resumed_training_ends_bit_equal(
    architecture: str, moment: int, training_set: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    wanted = settings(architecture=architecture, epochs=3)
    whole, _ = train(training_set, engine, tmp_path / "whole", wanted)
    interrupted = Recorder(tmp_path, stop_after=moment)
    (tmp_path / "cut").mkdir()
    with pytest.raises(Stopped):
        classification.train_on(training_set, wanted, engine, Context(interrupted, tmp_path / "cut"))
    saved = interrupted.checkpoints[-1]
    with safe_open(str(saved), "pt") as file:
        position = json.loads(file.metadata()["position"])
    assert position["batch"] > 0, "in the middle of an epoch"
    torch.manual_seed(12345)  # another process has another random state
    resumed, recorder = train(training_set, engine, tmp_path / "resumed", wanted, resume=saved)
    assert min(m["step"] for m in recorder.metrics("train")) > position["step"]
    assert whole.keys() == resumed.keys()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_a_frozen_training_stopped_at_any_moment_goes_on_where_it_was(
    training_set: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    wanted = settings(architecture="efficientnet_lite0", epochs=2, patience=1)

    def head(recorder: Recorder, folder: Path, resume: Path | None = None) -> dict[str, torch.Tensor]:
        folder.mkdir()
        embedded = EmbeddedSet(training_set, engine.embedder, engine.embeddings)
        context = Context(recorder, folder)
        done = frozen.train_head(training_set, embedded, wanted, context, fingerprint="one", resume=resume)
        return done.head.state_dict()

    whole = head(Recorder(tmp_path), tmp_path / "whole")
    kept: list[int] = []
    for moment in range(100):
        interrupted = Recorder(tmp_path, stop_after=moment)
        try:
            head(interrupted, tmp_path / f"cut-{moment}")
        except Stopped:
            resume = interrupted.checkpoints[-1] if interrupted.checkpoints else None
            resumed = head(Recorder(tmp_path), tmp_path / f"again-{moment}", resume)
            assert all(torch.equal(whole[name], resumed[name]) for name in whole), moment
            if resume is not None:
                with safe_open(str(resume), "pt") as file:
                    kept.append(json.loads(file.metadata()["position"])["step"])
        else:
            break
    steps = 2 * -(-len(training_set.by_split["train"]) // wanted.batch_size)
    assert kept == sorted(kept)
    assert set(kept) == set(range(steps + 1)), "no step that was made was lost"


def test_a_resume_computes_as_its_first_attempt_did_whatever_this_machine_prefers(
    training_set: TrainingSet, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = Plan(number_type="bfloat16")
    wanted = settings(epochs=1)
    usual, _ = train(training_set, engine, tmp_path / "usual", wanted)
    monkeypatch.setattr(engine.plans, "get", lambda architecture: half)
    whole, _ = train(training_set, engine, tmp_path / "whole", wanted)
    interrupted = Recorder(tmp_path, stop_after=4)
    (tmp_path / "cut").mkdir()
    with pytest.raises(Stopped):
        classification.train_on(training_set, wanted, engine, Context(interrupted, tmp_path / "cut"))
    monkeypatch.setattr(engine.plans, "get", lambda architecture: USUAL)
    resumed, _ = train(training_set, engine, tmp_path / "resumed", wanted, resume=interrupted.checkpoints[-1])
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not torch.equal(whole["head.weight"], usual["head.weight"])


@pytest.mark.parametrize("architecture", ["small_cnn", "efficientnet_lite0"])
def test_the_seed_decides_everything(
    architecture: str, training_set: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    one, _ = train(training_set, engine, tmp_path / "1", settings(architecture=architecture))
    two, _ = train(training_set, engine, tmp_path / "2", settings(architecture=architecture))
    other, _ = train(training_set, engine, tmp_path / "3", settings(architecture=architecture, seed=4))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["head.weight"], other["head.weight"])


def test_a_checkpoint_of_other_settings_is_said_so_and_not_continued(
    training_set: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    interrupted = Recorder(tmp_path, stop_after=10)
    with pytest.raises(Stopped):
        classification.train_on(training_set, settings(), engine, Context(interrupted, tmp_path))
    wanted = settings(epochs=1, learning_rate=0.01)
    fresh, _ = train(training_set, engine, tmp_path / "fresh", wanted)
    tried, recorder = train(training_set, engine, tmp_path / "tried", wanted, resume=interrupted.checkpoints[-1])
    assert any("belongs to other settings" in data["text"] for kind, data in recorder.events if kind == "log")
    assert all(torch.equal(fresh[name], tried[name]) for name in fresh)


def test_a_damaged_checkpoint_is_said_so_and_not_continued(
    training_set: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    damaged = tmp_path / "checkpoint"
    damaged.write_bytes(b"\x80\x04 not a checkpoint")
    _, recorder = train(training_set, engine, tmp_path / "out", settings(epochs=1), resume=damaged)
    assert any("file is damaged" in data["text"] for kind, data in recorder.events if kind == "log")


def test_a_checkpoint_is_due_each_epoch_and_each_minute(
    training_set: TrainingSet, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "CHECKPOINT_GAP_SECONDS", 0.0)
    _, recorder = train(training_set, engine, tmp_path / "epochs", settings(epochs=3))
    assert len(recorder.checkpoints) == 2, "none after the last epoch: the model itself follows"
    monkeypatch.setattr(context_module, "CHECKPOINT_SECONDS", 0.0)
    _, recorder = train(training_set, engine, tmp_path / "steps", settings(epochs=1))
    assert len(recorder.checkpoints) >= 6


def test_a_second_training_computes_no_embedding_again(
    training_set: TrainingSet, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "embeddings", EmbeddingCache(tmp_path / "cache", 1 << 20))
    wanted = settings(architecture="efficientnet_lite0")
    first, _ = train(training_set, engine, tmp_path / "1", wanted)

    def fail(pixels: object) -> None:
        raise AssertionError("an embedding was computed again")

    monkeypatch.setattr(type(engine.embedder), "__call__", lambda self, pixels: fail(pixels))
    second, recorder = train(training_set, engine, tmp_path / "2", wanted)
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert recorder.metrics("validation")[-1]["accuracy"] == 1.0


def test_augmentation_shows_the_frozen_backbone_mirrored_pictures_from_the_second_epoch(
    training_set: TrainingSet, engine: Engine
) -> None:
    train_indices = training_set.by_split["train"]
    with_it, without = settings(architecture="efficientnet_lite0"), settings(augmentation=False)
    assert not any(v.mirrored for v in epoch_views(train_indices, with_it, 1))
    assert all(v.mirrored for v in epoch_views(train_indices, with_it, 2))
    assert len({v.mirrored for v in epoch_views(train_indices, with_it, 3)}) == 2
    assert not any(v.mirrored for epoch in (1, 2, 3) for v in epoch_views(train_indices, without, epoch))
    embedded = EmbeddedSet(training_set, engine.embedder, engine.embeddings)
    plain, mirrored = embedded._pixels([View(0, False), View(0, True)])
    assert (plain[:, ::-1] == mirrored).all()


def test_validation_pictures_arrive_evenly_between_the_others() -> None:
    mixed = interleave([View(i, False) for i in range(40)], [View(i, True) for i in range(10)])
    assert len(mixed) == 50
    assert sum(v.mirrored for v in mixed[:25]) == 5


def test_one_batch_and_a_few_held_out_pictures_are_embedded_first() -> None:
    train, held_out = [View(i, False) for i in range(100)], [View(i, False) for i in range(100, 150)]
    order = arrival(train, held_out, 32)
    assert order[:32] == train[:32]
    assert order[32 : 32 + ENOUGH_TO_VALIDATE] == held_out[:ENOUGH_TO_VALIDATE]
    assert sorted(order, key=lambda v: v.index) == train + held_out
    last = max(order.index(view) for view in held_out)
    assert last < 32 + 50 + (50 - ENOUGH_TO_VALIDATE), "then one for each picture to learn from, until none is left"


def test_the_first_validation_figure_comes_before_the_second_batch_and_sees_several_classes(
    training_set: TrainingSet, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "embeddings", EmbeddingCache(tmp_path / "cache", 1 << 20))
    monkeypatch.setattr(frozen, "ENOUGH_TO_VALIDATE", 6)
    asked: list[int] = []
    compute = type(engine.embedder).__call__
    monkeypatch.setattr(type(engine.embedder), "__call__", lambda e, p: (asked.append(len(p)), compute(e, p))[1])
    seen: list[tuple[int, set[int]]] = []
    report = frozen.Live.report

    def listen(live: frozen.Live) -> None:
        seen.append((sum(asked), {int(live.labels[row]) for row in live.arrived}))
        report(live)

    monkeypatch.setattr(frozen.Live, "report", listen)
    train(training_set, engine, tmp_path / "out", settings(architecture="efficientnet_lite0", epochs=1))
    assert seen[0][0] == 14, "a batch of 8 and 6 held-out pictures"
    assert len(seen[0][1]) > 1


def test_another_learners_first_training_on_the_same_pictures_computes_no_embedding(
    training_set: TrainingSet, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "embeddings", EmbeddingCache(tmp_path / "cache", 1 << 20))
    wanted = settings(architecture="efficientnet_lite0", epochs=1)
    train(training_set, engine, tmp_path / "1", wanted)
    fewer = [p for i, p in enumerate(training_set.pictures) if i % 4]
    theirs = TrainingSet(CLASSES, fewer, training_set.places, "another manifest", "set-2")
    another_process = EmbeddingCache(tmp_path / "cache", 1 << 20)
    monkeypatch.setattr(engine, "embeddings", another_process)
    monkeypatch.setattr(type(engine.embedder), "__call__", lambda self, pixels: pytest.fail("computed again"))
    _, recorder = train(theirs, engine, tmp_path / "2", replace(wanted, seed=9))
    assert recorder.metrics("validation")[-1]["accuracy"] == 1.0


def test_a_lost_loss_stops_with_a_sentence(training_set: TrainingSet, engine: Engine, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"no longer a number .* learning rate of 1e\+30 is probably too high"):
        train(training_set, engine, tmp_path / "out", settings(learning_rate=1e30, epochs=5))


def test_a_class_without_training_pictures_is_named(training_set: TrainingSet, engine: Engine, tmp_path: Path) -> None:
    kept = [p for p in training_set.pictures if not (p.label == 2 and p.split == "train")]
    lacking = TrainingSet(CLASSES, kept, training_set.places, "0")
    with pytest.raises(InvalidInput, match="no training picture with the label “blue”"):
        train(lacking, engine, tmp_path / "out", settings())


def test_a_set_without_validation_pictures_holds_some_of_each_class_out(
    training_set: TrainingSet, engine: Engine, tmp_path: Path
) -> None:
    everything = [replace(p, split="train") for p in training_set.pictures]
    unsplit = TrainingSet(CLASSES, everything, training_set.places, "0")
    _, recorder = train(unsplit, engine, tmp_path / "out", settings(epochs=1))
    assert sorted({unsplit.pictures[i].label for i in unsplit.by_split["validation"]}) == [0, 1, 2]
    assert not set(unsplit.by_split["train"]) & set(unsplit.by_split["validation"])
    assert any("are held out" in data["text"] for kind, data in recorder.events if kind == "log")


def test_the_order_is_a_function_of_seed_and_epoch() -> None:
    assert shuffled(50, 1, 2) == shuffled(50, 1, 2) != shuffled(50, 1, 3)
    pixels = torch.arange(4 * 8 * 8 * 3, dtype=torch.uint8).reshape(4, 8, 8, 3)
    assert torch.equal(augment(pixels, 5), augment(pixels, 5))
    assert not torch.equal(augment(pixels, 5), augment(pixels, 6))
    whole = Batches(pixels, torch.arange(4), 1, [0.5] * 3, [0.5] * 3, seed=1, augmentation=True)
    rest = replace(whole, position=2)
    assert torch.equal(list(whole)[2][0], next(iter(rest))[0])


def test_shards_are_verified_kept_and_evicted(service: FakeService, tmp_path: Path) -> None:
    cache = DiskCache(tmp_path, limit_bytes=25)
    first = service.put("a", b"0123456789")
    path = cache.fetch(first)
    service.objects.clear()
    assert cache.fetch(first) == path, "no second download"
    path.write_bytes(b"damaged!!!")
    service.put("a", b"0123456789")
    assert cache.fetch(first).read_bytes() == b"0123456789"
    for name in "bc":
        cache.fetch(service.put(name, name.encode() * 10))
    assert not path.exists(), "the oldest goes first"


def test_a_download_with_another_content_is_our_fault(
    service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("axons_runner.cache.time.sleep", lambda seconds: None)
    file = service.put("a", b"0123456789")
    service.put("a", b"0123456780")
    with pytest.raises(Infrastructure) as failure:
        DiskCache(tmp_path, 100).fetch(file)
    assert "another sha256" in failure.value.detail
    assert list(tmp_path.glob("??/*")) == []


def test_an_evaluation_with_other_classes_is_refused(engine: Engine, training_set: TrainingSet, tmp_path: Path) -> None:
    outcome = classification.train_on(training_set, settings(epochs=1), engine, Context(Recorder(tmp_path), tmp_path))
    card, weights = (outcome.files[name].read_bytes() for name in ("model.json", "model.safetensors"))
    from axons_runner.modelfile import load_model

    model = load_model(card, weights, engine.backbone)
    hidden = load_pack(make_pack(2, 0, split="test", seed=5), tmp_path)
    hidden.classes = ["red", "green", "violet"]
    with pytest.raises(InvalidInput, match="trained on other classes"):
        classification.evaluate_on(hidden, model, engine, Context(Recorder(tmp_path), tmp_path))
    hidden.classes = ["blue", "green", "red"]  # the same classes in another order are matched by name
    hidden.pictures = [replace(p, label=2 - p.label) for p in hidden.pictures]
    model.network.head.weight.data.zero_()
    model.network.head.bias.data.copy_(torch.tensor([1.0, 0, 0]))
    metrics = classification.evaluate_on(hidden, model, engine, Context(Recorder(tmp_path), tmp_path))
    assert metrics["accuracy"] == pytest.approx(1 / 3)
    assert metrics["confusion_matrix"] == [[2, 0, 0], [2, 0, 0], [2, 0, 0]]
    assert metrics["per_class"][0]["label"] == "red"
