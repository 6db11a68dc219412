"""Published weights: converted once into safetensors, and fetched from where the operator's list says, if anywhere.

The list is a JSON file {architecture: {"url": …, "sha256": …}} that names the .pth files which torchvision publishes,
on a server of the operator's. Without a list nothing is fetched. A file of another hash is not read, and a .pth is read
with ``weights_only=True``: no code in it runs.
"""

from __future__ import annotations

import json
import os
import pickle
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from axons_runner.cache import sha256_of

LARGEST_BYTES = 1 << 30
CHUNK = 1 << 20
FETCH_SECONDS = (5, 15)  # to connect, and between two pieces
LONGEST_FETCH = 40.0  # seconds for one file: three and the warm-up must fit into slots.START_SECONDS


class Refused(Exception):
    """Weights that cannot be used; the message says which, why, and what to do."""


@dataclass(frozen=True)
class Listed:
    """Where the weights of an architecture are, and which file it must be."""

    url: str
    sha256: str


def read_list(path: Path, known: Mapping[str, Any]) -> dict[str, Listed]:
    """Return the operator's list by architecture, of those ``known``. Raises Refused with what is wrong in it."""
    try:
        values = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise Refused(
            f"The list of weights {path} cannot be read ({error}); no architecture in it is offered."
        ) from error
    listed = {}
    for name, entry in values.items() if isinstance(values, dict) else [("(the whole list)", values)]:
        if name not in known:
            raise Refused(f"{path} lists “{name}”; weights may be listed for {', '.join(sorted(known))}.")
        url, digest = (entry.get("url"), entry.get("sha256")) if isinstance(entry, dict) else (None, None)
        if not (isinstance(url, str) and re.match("https?://", url)):
            raise Refused(f"The entry “{name}” of {path} has no address that begins with http:// or https://.")
        if not (isinstance(digest, str) and re.fullmatch("[0-9a-f]{64}", digest)):
            raise Refused(f"The entry “{name}” of {path} has no sha256 of 64 hexadecimal digits.")
        listed[name] = Listed(url, digest)
    return listed


def mirrored(name: str, listed: Listed, features: nn.Module, head: str, cache_dir: Path) -> dict[str, Tensor]:
    """Return the weights of ``features`` from the listed file; layers whose names begin with ``head`` are left out.

    Fetched and converted the first time; afterwards from the cache. Raises Refused.
    """

    def make() -> dict[str, Tensor]:
        (cache_dir / "backbones").mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache_dir / "backbones") as folder:
            path = Path(folder) / "weights"
            _fetch(name, listed, path)
            return _named(name, listed, _read(name, listed, path), features, head)

    return converted(cache_dir / "backbones" / f"{name}-{listed.sha256[:16]}.safetensors", make)[0]


def converted(path: Path, make: Callable[[], dict[str, Tensor]]) -> tuple[dict[str, Tensor], str]:
    """Return what ``make`` gave, kept as safetensors in ``path``, and that file's sha256.

    The hash lies beside the file; a file whose hash is another is made again.
    """
    note = path.with_suffix(".sha256")
    if path.exists() and note.exists() and note.read_text().strip() == sha256_of(path):
        return load_file(path), note.read_text().strip()
    weights = make()
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        save_file(weights, fresh)
        digest = sha256_of(fresh)
        (Path(folder) / note.name).write_text(digest)
        os.replace(fresh, path)
        os.replace(Path(folder) / note.name, note)
    return weights, digest


def _fetch(name: str, listed: Listed, path: Path) -> None:
    # redirects are not followed: what is fetched comes from where the list says
    deadline = time.monotonic() + LONGEST_FETCH
    try:
        with requests.get(listed.url, stream=True, timeout=FETCH_SECONDS, allow_redirects=False) as answer:
            if answer.status_code != 200:
                raise Refused(f"The weights of {name} cannot be had: {listed.url} answers {answer.status_code}.")
            with path.open("wb") as file:
                for piece in answer.iter_content(CHUNK):
                    if time.monotonic() > deadline:
                        raise Refused(
                            f"The weights of {name} took longer than {LONGEST_FETCH:.0f} s to arrive from "
                            f"{listed.url}. Put them on a nearer server."
                        )
                    if file.tell() + len(piece) > LARGEST_BYTES:
                        raise Refused(
                            f"The weights of {name} at {listed.url} are larger than 1 GiB; they are not used."
                        )
                    file.write(piece)
    except requests.RequestException as error:
        raise Refused(f"The weights of {name} cannot be had: {listed.url} ({type(error).__name__}).") from error
    digest = sha256_of(path)
    if digest != listed.sha256:
        raise Refused(
            f"The weights of {name} at {listed.url} have the SHA-256 {digest}, and the list of weights promises "
            f"{listed.sha256}. They are not used; correct the list, or the file on the mirror."
        )


def _read(name: str, listed: Listed, path: Path) -> dict[str, Tensor]:
    try:
        values = torch.load(path, weights_only=True, map_location="cpu")
    except (pickle.UnpicklingError, RuntimeError, ValueError, EOFError, OSError) as error:
        raise Refused(
            f"The weights of {name} at {listed.url} are no plain file of tensors, so they were not read."
        ) from error
    if not isinstance(values, dict) or not all(isinstance(value, Tensor) for value in values.values()):
        raise Refused(f"The weights of {name} at {listed.url} hold something else than tensors by name.")
    return values


def _named(
    name: str, listed: Listed, weights: dict[str, Tensor], features: nn.Module, head: str
) -> dict[str, Tensor]:  # fmt: skip
    """Return the published tensors under our names: layer by layer, and in a layer by their own names."""
    own = features.state_dict()
    ours, theirs = _by_layer(own), _by_layer(each for each in weights if not each.startswith(head))
    if _kinds(ours, own) != _kinds(theirs, weights):
        raise Refused(f"The weights of {name} at {listed.url} are those of another network.")
    return {mine: weights[other].float().contiguous() for mine, other in zip(ours, theirs, strict=True)}


def _by_layer(names: Iterable[str]) -> list[str]:
    """Layers in their order; in a layer by name, because published files list its tensors in different orders."""
    kept = [name for name in names if not name.endswith("num_batches_tracked")]
    place: dict[str, int] = {}
    for name in kept:
        place.setdefault(name.rpartition(".")[0], len(place))
    return sorted(kept, key=lambda name: (place[name.rpartition(".")[0]], name.rpartition(".")[2]))


def _kinds(names: list[str], tensors: Mapping[str, Tensor]) -> list[tuple[str, torch.Size]]:
    return [(name.rpartition(".")[2], tensors[name].shape) for name in names]
