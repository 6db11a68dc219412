"""Interleaved pairs and what may be said of them."""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Pairs:
    """Seconds of two things measured in turn, many times."""

    ours: list[float]
    theirs: list[float]

    @classmethod
    def measure(cls, ours: Callable[[], object], theirs: Callable[[], object], count: int) -> Pairs:
        """Time both ``count`` times, each first in every other pair; once before to warm up."""
        ours(), theirs()
        pairs = cls([], [])
        for number in range(count):
            turns = [(ours, pairs.ours), (theirs, pairs.theirs)]
            for act, seconds in turns if number % 2 else reversed(turns):
                began = time.perf_counter()
                act()
                seconds.append(time.perf_counter() - began)
        return pairs

    @property
    def ratios(self) -> list[float]:
        return sorted(a / b for a, b in zip(self.ours, self.theirs, strict=True))

    def ratio(self) -> str:
        """Ours by theirs: the median of the pairs, and the 95 % interval of that median."""
        low, high = median_interval(self.ratios)
        return f"{statistics.median(self.ratios):.3f} ({low:.3f} to {high:.3f})"


def median_interval(values: list[float], confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the median by order statistics (binomial): no assumption on how the values scatter."""
    ordered, count = sorted(values), len(values)
    below = 0.0
    rank = 0
    while rank < count // 2:
        below += math.comb(count, rank) / 2**count
        if 2 * below > 1 - confidence:
            break
        rank += 1
    rank = max(rank, 1)
    return ordered[rank - 1], ordered[count - rank]


def median(values: list[float], digits: int = 2) -> str:
    """The median, and how many it is of when there are several."""
    return f"{statistics.median(values):.{digits}f}" + (f" (of {len(values)})" if len(values) > 1 else " (1 run)")
