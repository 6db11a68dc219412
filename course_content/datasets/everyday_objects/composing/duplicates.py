"""Find pictures that two sets share, exactly or nearly."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from PIL import Image

HASH_SIDE = 8
DCT_SIDE = 32
NEAR = 4
"""Two pictures whose 64-bit hashes differ in this many bits or fewer count as near-duplicates."""


class DuplicateError(ValueError):
    """Two sets that must be disjoint share a picture."""


def _dct_matrix(side: int) -> NDArray[np.float64]:
    """Return the (side, side) matrix of the type-II discrete cosine transform."""
    k = np.arange(side)[:, None]
    n = np.arange(side)[None, :]
    return np.cos(np.pi * k * (2 * n + 1) / (2 * side))


_DCT = _dct_matrix(DCT_SIDE)


def perceptual_hash(jpeg: bytes) -> NDArray[np.bool_]:
    """Return the 64-bit pHash of a picture: low frequencies of its 32x32 DCT against their median."""
    with Image.open(io.BytesIO(jpeg)) as picture:
        grey = np.asarray(picture.convert("L").resize((DCT_SIDE, DCT_SIDE), Image.Resampling.LANCZOS), dtype=np.float64)
    low = (_DCT @ grey @ _DCT.T)[:HASH_SIDE, :HASH_SIDE]
    return (low > np.median(low.ravel()[1:])).ravel()


def nearest(left: Mapping[str, bytes], right: Mapping[str, bytes]) -> tuple[int, str, str]:
    """Return the smallest Hamming distance between two sets of JPEGs, and the two names that have it."""
    a = np.stack([perceptual_hash(jpeg) for jpeg in left.values()]).astype(np.int16)
    b = np.stack([perceptual_hash(jpeg) for jpeg in right.values()]).astype(np.int16)
    distances = a.sum(1)[:, None] + b.sum(1)[None, :] - 2 * (a @ b.T)
    row, column = np.unravel_index(int(distances.argmin()), distances.shape)
    return int(distances[row, column]), list(left)[row], list(right)[column]


def check_disjoint(left: Mapping[str, bytes], right: Mapping[str, bytes]) -> int:
    """Raise :class:`DuplicateError` when the sets share a picture; return their smallest hash distance."""
    digests = {hashlib.sha256(jpeg).digest(): name for name, jpeg in left.items()}
    for name, jpeg in right.items():
        if twin := digests.get(hashlib.sha256(jpeg).digest()):
            raise DuplicateError(f"{twin} and {name} are the same picture. Use another seed.")
    distance, first, second = nearest(left, right)
    if distance <= NEAR:
        raise DuplicateError(f"{first} and {second} differ in {distance} of 64 hash bits only. Use another seed.")
    return distance
