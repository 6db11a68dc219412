"""Weights from an operator's mirror: fetched once, checked, converted, and nothing fetched that nobody listed."""

from __future__ import annotations

import io
import json
import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file
from torchvision.models import mobilenet_v3_large, resnet18

from axons_runner.backbones import HEADS, untrained
from axons_runner.context import Context
from axons_runner.engine import Engine
from axons_runner.errors import InvalidInput
from axons_runner.hyperparameters import Hyperparameters
from axons_runner.modelfile import load_model
from axons_runner.published import Refused, mirrored, read_list
from axons_runner.tasks import classification
from tests.runner.fake_service import FakeService
from tests.runner.synthetic import hyperparameters, load_pack, make_pack
from tests.runner.test_training import Recorder

if TYPE_CHECKING:
    from axons_runner.published import Listed

NAME = "mobilenet_v3_large"


def saved(values: Any) -> bytes:
    out = io.BytesIO()
    torch.save(values, out)
    return out.getvalue()


@pytest.fixture(scope="module")
def network() -> torch.nn.Module:
    torch.manual_seed(5)
    return mobilenet_v3_large(weights=None).eval()


@pytest.fixture(scope="module")
def weights(network: torch.nn.Module) -> bytes:
    return saved(network.state_dict())


def listed(folder: Path, file: dict[str, Any], **changes: str) -> Path:
    path = folder / "weights.json"
    path.write_text(json.dumps({NAME: {"url": file["url"], "sha256": file["sha256"]} | changes}))
    return path


def entry(folder: Path, file: dict[str, Any], **changes: str) -> Listed:
    return read_list(listed(folder, file, **changes), HEADS)[NAME]


def read(one: Listed, cache: Path) -> dict[str, torch.Tensor]:
    return mirrored(NAME, one, untrained(NAME, 1).features, HEADS[NAME][0], cache)


def test_listed_weights_are_fetched_once_and_are_those_of_torchvision(
    network: torch.nn.Module, weights: bytes, service: FakeService, tmp_path: Path
) -> None:
    one = entry(tmp_path, service.put(f"{NAME}.pth", weights))
    first = read(one, tmp_path)
    service.objects.clear()
    second = read(one, tmp_path)  # from the cache: the mirror has lost it
    assert all(torch.equal(first[name], second[name]) for name in first)
    (kept,) = (tmp_path / "backbones").glob("*.safetensors")
    assert load_file(kept).keys() == first.keys()
    ours = untrained(NAME, 1).features.eval()
    ours.load_state_dict(second, strict=False)
    images = torch.rand(1, 3, 96, 96)
    with torch.inference_mode():
        assert torch.equal(ours(images), network.features(images))  # type: ignore[operator]


def test_the_layers_of_a_resnet_are_found_too(service: FakeService, tmp_path: Path) -> None:
    published = resnet18(weights=None).eval()
    ours = untrained("resnet18", 1).features.eval()
    one = entry(tmp_path, service.put("resnet18.pth", saved(published.state_dict())))
    ours.load_state_dict(mirrored("resnet18", one, ours, "fc.", tmp_path), strict=False)
    images, found = torch.rand(1, 3, 64, 64), []
    published.avgpool.register_forward_hook(lambda module, inputs, output: found.append(inputs[0]))
    with torch.inference_mode():
        published(images)
        assert torch.equal(ours(images), found[0])


def test_the_order_of_tensors_within_a_layer_is_the_files_own_affair(service: FakeService, tmp_path: Path) -> None:
    """Files of torchvision's first years list a batch norm's running mean and variance before its weight and bias."""
    published = resnet18(weights=None).eval()
    with torch.no_grad():
        for number, value in enumerate(published.state_dict().values()):
            value.add_(number)
    state = published.state_dict()
    layers = dict.fromkeys(key.rpartition(".")[0] for key in state)
    older = {key: state[key] for layer in layers for key in reversed(state) if key.rpartition(".")[0] == layer}
    ours = untrained("resnet18", 1).features.eval()
    found = mirrored("resnet18", entry(tmp_path, service.put("resnet18.pth", saved(older))), ours, "fc.", tmp_path)
    ours.load_state_dict(found, strict=False)
    theirs = [v for k, v in state.items() if not k.startswith("fc.") and "num_batches" not in k]
    mine = [v for k, v in ours.state_dict().items() if "num_batches" not in k]
    assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


class Trap:
    """A pickle that would leave a file behind if it were obeyed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_a_file_of_another_hash_is_not_read(weights: bytes, service: FakeService, tmp_path: Path) -> None:
    file = service.put(f"{NAME}.pth", weights)
    with pytest.raises(Refused, match=f"have the SHA-256 {file['sha256']}.*promises {'0' * 64}.*correct the list"):
        read(entry(tmp_path, file, sha256="0" * 64), tmp_path)
    assert list((tmp_path / "backbones").iterdir()) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("trap", "no plain file of tensors"),
        ("bare pickle", "no plain file of tensors"),
        ("text", "no plain file of tensors"),
        ("list", "hold something else than tensors"),
        ("another network", "are those of another network"),
    ],
)
def test_a_file_that_the_list_promises_may_still_be_no_weights(
    content: str, sentence: str, service: FakeService, tmp_path: Path
) -> None:
    trap = Trap(tmp_path / "trapped")
    contents = {
        "trap": lambda: saved({"a": trap}),
        "bare pickle": lambda: pickle.dumps(trap),
        "text": lambda: b"<html>",
        "list": lambda: saved({"epoch": 3}),
        "another network": lambda: saved({"conv.weight": torch.zeros(3)}),
    }
    file = service.put("weights.pth", contents[content]())
    with pytest.raises(Refused, match=sentence):
        read(entry(tmp_path, file), tmp_path)
    assert not trap.path.exists(), "no code of the file ran"
    assert list((tmp_path / "backbones").iterdir()) == []


def test_a_mirror_without_the_file_and_none_at_all_are_said_so(service: FakeService, tmp_path: Path) -> None:
    file = service.put("weights.pth", b"")
    service.objects.clear()
    with pytest.raises(Refused, match="answers 404"):
        read(entry(tmp_path, file), tmp_path)
    with pytest.raises(Refused, match=r"cannot be had: http://127\.0\.0\.1:1/w\.pth"):
        read(entry(tmp_path, file, url="http://127.0.0.1:1/w.pth"), tmp_path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", "cannot be read"),
        ("[]", "lists “.the whole list.”"),
        ('{"vgg16": {}}', "lists “vgg16”; weights may be listed for mobilenet_v3_large, resnet18, resnet50"),
        ('{"resnet18": {"url": "file:///etc/passwd", "sha256": "0"}}', "begins with http"),
        ('{"resnet18": {"url": "https://a/b", "sha256": "0"}}', "no sha256 of 64"),
        ('{"resnet18": "https://a/b"}', "begins with http"),
    ],
)
def test_a_list_that_cannot_be_used_says_where(text: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.json"
    path.write_text(text)
    with pytest.raises(Refused, match=sentence):
        read_list(path, HEADS)


def test_a_network_of_the_mirror_learns_frozen_and_its_model_stands_on_its_own(
    weights: bytes, service: FakeService, engine: Engine, tmp_path: Path
) -> None:
    source = load_pack(make_pack(per_class=3, held_out=1), tmp_path)
    wanted = Hyperparameters.read(hyperparameters(architecture=NAME, epochs=1, augmentation=False))
    context = Context(Recorder(tmp_path), tmp_path)
    with pytest.raises(InvalidInput, match="does not know the architecture “mobilenet_v3_large”"):
        classification.train_on(source, wanted, engine, context)  # its operator lists no weights

    file = service.put(f"{NAME}.pth", weights)
    equipped = Engine(tmp_path / "cache", 2, weights_list=listed(tmp_path, file))
    assert equipped.refused == []
    assert set(equipped.architectures) - set(engine.architectures) == {NAME}
    outcome = classification.train_on(source, wanted, equipped, context)
    card = outcome.result["model"]
    assert card["preprocessing"]["mean"] == [0.485, 0.456, 0.406]
    assert card["backbone"] is None
    files = [outcome.files[name].read_bytes() for name in ("model.json", "model.safetensors")]
    model = load_model(files[0], files[1], engine.backbone)  # a runner without the list can use it
    published = equipped.published(NAME)
    assert all(torch.equal(model.network.features.state_dict()[name], value) for name, value in published.items())
    assert outcome.result["metrics"]["validation"]["count"] == 3


def test_a_runner_whose_mirror_fails_trains_what_it_has_and_says_why(
    engine: Engine, service: FakeService, tmp_path: Path
) -> None:
    file = service.put("weights.pth", b"<html>")
    poorer = Engine(tmp_path / "cache", 2, weights_list=listed(tmp_path, file))
    assert poorer.architectures == engine.architectures
    assert len(poorer.refused) == 1
    assert "no plain file of tensors" in poorer.refused[0]
