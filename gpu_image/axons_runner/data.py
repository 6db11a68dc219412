"""A training set on this machine: manifest, shards, decoding to uint8, and batches whose order the seed decides."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from axons_runner.augmentation import vary
from axons_runner.cache import DiskCache
from axons_runner.errors import Infrastructure, InvalidInput
from axons_runner.parallel import ALONE, Team

FORMATS = ("JPEG", "PNG", "WEBP")
MAX_MANIFEST_BYTES = 64 << 20
MAX_PIXELS = 50_000_000
DECODE_THREADS = 2
PIXELS_IN_MEMORY = 1 << 30


@dataclass(frozen=True)
class Picture:
    """One entry of a manifest; ``label`` is the index of its class, ``mask`` the SHA-256 of its mask, if it has one."""

    sha256: str
    label: int
    split: str
    mask: str | None = None


@dataclass
class TrainingSet:
    """The pictures a manifest lists, and where their bytes lie in the shards (file, offset, bytes)."""

    classes: list[str]
    pictures: list[Picture]
    places: dict[str, tuple[Path, int, int]]
    manifest_sha256: str
    identifier: str | None = None
    by_split: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_split = {}
        for index, picture in enumerate(self.pictures):
            self.by_split.setdefault(picture.split, []).append(index)
        listed = [p.sha256 for p in self.pictures] + [p.mask for p in self.pictures if p.mask is not None]
        missing = [sha256 for sha256 in listed if sha256 not in self.places]
        if missing:
            raise Infrastructure(f"{len(missing)} pictures of the manifest are in no shard, the first is {missing[0]}.")

    def labels(self, indices: Sequence[int]) -> Tensor:
        """Return the classes (n,) int64 of these pictures."""
        return torch.tensor([self.pictures[i].label for i in indices], dtype=torch.int64)

    def read(self, index: int) -> bytes:
        """Return a picture's file. Raises Infrastructure when it is not what its hash promises."""
        return self.stored(self.pictures[index].sha256)

    def stored(self, sha256: str) -> bytes:
        """Return the file of this hash from its shard. Raises Infrastructure when its content is another."""
        path, offset, size = self.places[sha256]
        with path.open("rb") as shard:
            shard.seek(offset)
            data = shard.read(size)
        if hashlib.sha256(data).hexdigest() != sha256:
            raise Infrastructure(f"Picture {sha256} in its shard has another content.")
        return data

    def decode(self, indices: Sequence[int], size: int) -> NDArray[np.uint8]:
        """Return these pictures as (n, size, size, 3) uint8, in this order. Raises InvalidInput that names one."""
        out = np.empty((len(indices), size, size, 3), np.uint8)
        with ThreadPoolExecutor(DECODE_THREADS) as pool:
            for row, pixels in enumerate(pool.map(lambda i: self._decode(i, size), indices)):
                out[row] = pixels
        return out

    def _decode(self, index: int, size: int) -> NDArray[np.uint8]:
        data = self.read(index)
        try:
            return decode(data, size)
        except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
            picture = self.pictures[index]
            raise InvalidInput(
                f"A picture of the class “{self.classes[picture.label]}” cannot be opened (its SHA-256 begins with "
                f"{picture.sha256[:12]}). Take it out of the set, or upload it again."
            ) from error


def fetch_training_set(source: Mapping[str, Any], cache: DiskCache) -> TrainingSet:
    """Fetch the manifest and shards of an assignment's ``training_set`` and return the set."""
    url = source["manifest"]
    path = cache.fetch({"bytes": MAX_MANIFEST_BYTES, **url})
    manifest = json.loads(path.read_bytes())
    shards = [cache.fetch(shard) for shard in source["shards"]]
    return TrainingSet(
        list(manifest["classes"]),
        read_pictures(manifest),
        index_shards(shards),
        manifest_sha256=url["sha256"],
        identifier=str(source["id"]) if source.get("id") is not None else None,
    )


def read_pictures(manifest: Mapping[str, Any]) -> list[Picture]:
    """Return the pictures of a manifest. Raises InvalidInput for a label that is not one of its classes."""
    numbers = {label: number for number, label in enumerate(manifest["classes"])}
    unknown = {image["label"] for image in manifest["images"]} - numbers.keys()
    if unknown:
        raise InvalidInput(f"The label “{min(unknown)}” is not one of the classes of this training set.")
    return [
        Picture(image["sha256"], numbers[image["label"]], image["split"], (image.get("mask") or {}).get("sha256"))
        for image in manifest["images"]
    ]


def index_shards(paths: Iterable[Path]) -> dict[str, tuple[Path, int, int]]:
    """Return where each member ``<sha256>.jpg`` (or ``.png``) of these tars lies: sha256 -> (file, offset, bytes)."""
    places = {}
    for path in paths:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isfile():
                    places[Path(member.name).stem] = (path, member.offset_data, member.size)
    return places


def decode(data: bytes, size: int) -> NDArray[np.uint8]:
    """Return a picture squashed to (size, size, 3) uint8; the one preprocessing of training, evaluation and prediction.

    The bytes come from our own re-encoding (service or :mod:`axons_runner.pictures`), never straight from a learner.
    """
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            raise InvalidInput(f"A picture of {image.width} × {image.height} pixels is too large to train on.")
        image.draft("RGB", (size, size))  # a JPEG is decoded at 1/2, 1/4 or 1/8 where that is still large enough
        rgb = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(rgb)


def normalise(pixels: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return uint8 (n, h, w, 3) as float32 (n, 3, h, w), channels last in memory: (x / 255 - mean) / std."""
    scale = torch.tensor([1 / (255 * s) for s in std], dtype=torch.float32, device=pixels.device)
    shift = torch.tensor([m / s for m, s in zip(mean, std, strict=True)], dtype=torch.float32, device=pixels.device)
    return pixels.float().mul_(scale).sub_(shift).permute(0, 3, 1, 2)


def shuffled(count: int, seed: int, epoch: int) -> list[int]:
    """Return the order of ``count`` items in this epoch: a function of seed and epoch alone, so a resume repeats it."""
    generator = torch.Generator().manual_seed(seed * 1_000_003 + epoch)
    order: list[int] = torch.randperm(count, generator=generator).tolist()
    return order


class PixelTable:
    """The decoded pixels of some pictures, (n, size, size, channels) uint8: each is decoded when it is first asked for.

    In memory up to ``PIXELS_IN_MEMORY``; larger tables lie in a file of ``folder`` and the system keeps what fits.
    """

    channels = 3

    def __init__(self, source: TrainingSet, indices: Sequence[int], size: int, folder: Path) -> None:
        self.source, self.indices, self.size = source, list(indices), size
        shape = (len(self.indices), size, size, self.channels)
        count = len(self.indices) * size * size * self.channels
        if count > PIXELS_IN_MEMORY:
            path = folder / f"pixels-{id(self)}"
            self.pixels = torch.from_file(str(path), shared=True, size=count, dtype=torch.uint8).reshape(shape)
        else:
            self.pixels = torch.empty(shape, dtype=torch.uint8)
        self.there = torch.zeros(len(self.indices), dtype=torch.bool)

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Return the pictures of these rows. Raises InvalidInput that names one that cannot be opened."""
        missing = rows[~self.there[rows]]
        if len(missing):
            decoded = self.decode([self.indices[i] for i in missing.tolist()])
            self.pixels[missing] = torch.from_numpy(decoded)
            self.there[missing] = True
        return self.pixels[rows]

    def decode(self, indices: Sequence[int]) -> NDArray[np.uint8]:
        """Return these pictures of the set as (n, size, size, channels) uint8."""
        return self.source.decode(indices, self.size)


@dataclass
class Batches:
    """Pixels as batches (images float32, labels): the data loader of :func:`train_one_epoch`.

    Iterating starts at ``position`` (in batches) of ``epoch``; everything random depends on (seed, epoch, batch) only.
    One batch is decoded and varied while the network works on the one before. ``variations`` of None: mirror and shift.
    In a ``team`` of processes each gives its part of every batch.
    """

    pixels: Tensor | PixelTable
    labels: Tensor
    batch_size: int
    mean: Sequence[float]
    std: Sequence[float]
    seed: int = 0
    augmentation: bool = False
    shuffle: bool = True
    epoch: int = 1
    position: int = 0
    variations: tuple[str, ...] | None = None
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    team: Team = ALONE

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        order = shuffled(len(self.labels), self.seed, self.epoch) if self.shuffle else list(range(len(self.labels)))
        rows = [
            torch.tensor(order[number * self.batch_size : (number + 1) * self.batch_size])
            for number in range(self.position, len(self))
        ]
        for chosen, pixels in zip(rows, self._prepared(rows), strict=True):
            begin, end = self.team.part(len(chosen))
            yield self.batch(chosen[begin:end], pixels.to(self.device))

    def batch(self, chosen: Tensor, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return the images and what is to be learned of them; ``chosen`` are the rows that ``pixels`` came from."""
        return normalise(pixels, self.mean, self.std), self.labels[chosen].to(self.device)

    def _prepared(self, rows: list[Tensor]) -> Iterator[Tensor]:
        """Yield the pixels of each batch; where that is work (decoding, varying), one batch ahead on another thread."""
        decoded = isinstance(self.pixels, Tensor) or bool(self.pixels.there.all())
        if decoded and not (self.augmentation and self.variations):
            yield from (self._pixels(chosen, self.position + offset) for offset, chosen in enumerate(rows))
            return
        with ThreadPoolExecutor(1) as ahead:
            waiting = [ahead.submit(self._pixels, rows[0], self.position)] if rows else []
            for offset in range(len(rows)):
                pixels = waiting.pop().result()
                if offset + 1 < len(rows):
                    waiting.append(ahead.submit(self._pixels, rows[offset + 1], self.position + offset + 1))
                yield pixels

    def _pixels(self, chosen: Tensor, number: int) -> Tensor:
        """Return this process's part of the batch of this number in the epoch, decoded and varied."""
        begin, end = self.team.part(len(chosen))
        pixels = self.pixels[chosen[begin:end]]
        if not self.augmentation:
            return pixels
        seed = (self.seed * 1_000_003 + self.epoch) * 100_003 + number
        if self.variations is None:
            return augment(pixels, seed, begin, len(chosen))
        return vary(pixels, self.variations, seed, begin)


def augment(pixels: Tensor, seed: int, first: int = 0, whole: int | None = None) -> Tensor:
    """Return the pictures (n, h, w, 3) mirrored with probability 1/2 and shifted by up to 1/8 of the side.

    They may be a part of a ``whole`` batch of so many, of which they begin at ``first``.
    """
    generator = torch.Generator().manual_seed(seed)
    count, side = pixels.shape[0], pixels.shape[1]
    whole = count if whole is None else whole
    here = slice(first, first + count)
    mirrored = (torch.rand(whole, generator=generator) < 0.5)[here]
    pixels = torch.where(mirrored[:, None, None, None], pixels.flip(2), pixels)
    reach = side // 8
    shifts = torch.randint(-reach, reach + 1, (whole, 2), generator=generator)[here]
    line = torch.arange(side)
    rows = (line[None] + shifts[:, :1]).clamp_(0, side - 1)
    columns = (line[None] + shifts[:, 1:]).clamp_(0, side - 1)
    return pixels[torch.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]
