"""Curves as a reader sees them: what a resumed attempt repeats is dropped, and long series are thinned. Pure."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

MIN_POINTS = 3
MAX_POINTS = 500

T = TypeVar("T")


class Point(NamedTuple):
    """One measurement of an attempt."""

    attempt: int
    data: dict[str, Any]


def resumed(points: Sequence[Point]) -> list[dict[str, Any]]:
    """One line through all attempts: from the step where an attempt resumed, only its own points count."""
    kept: list[Point] = []
    for point in points:
        step = point.data.get("step", 0)
        while kept and kept[-1].attempt < point.attempt and kept[-1].data.get("step", 0) >= step:
            kept.pop()
        kept.append(point)
    return [point.data for point in kept]


def downsampled(points: Sequence[T], y: Callable[[T], float | None], limit: int = MAX_POINTS) -> list[T]:
    """At most `limit` points with the shape of the curve kept: per bucket the one with the largest triangle.

    Largest-Triangle-Three-Buckets (Steinarsson 2013), with the index as x; first and last point always stay,
    so `limit` is MIN_POINTS at least.
    """
    count = len(points)
    if count <= limit:
        return list(points)
    values = [y(point) or 0.0 for point in points]
    width = (count - 2) / (limit - 2)
    chosen = [0]
    for bucket in range(limit - 2):
        start, end = int(bucket * width) + 1, int((bucket + 1) * width) + 1
        after = range(end, min(int((bucket + 2) * width) + 1, count))
        x3 = sum(after) / len(after)
        y3 = sum(values[i] for i in after) / len(after)
        x1, y1 = chosen[-1], values[chosen[-1]]
        chosen.append(max(range(start, end), key=lambda i: abs((x1 - x3) * (values[i] - y1) - (x1 - i) * (y3 - y1))))
    chosen.append(count - 1)
    return [points[i] for i in chosen]
