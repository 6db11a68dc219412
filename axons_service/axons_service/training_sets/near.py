"""Pictures that look alike: the distance of two dHashes, and how to find close ones without comparing all pairs."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

HASH_BITS = 128
MAX_DISTANCE = 10
"""Bits that may differ. See docs/decisions/0009 for what was measured."""
_BANDS = MAX_DISTANCE + 1


def distance(first: str, second: str) -> int:
    """How many bits of two dHashes differ."""
    return (int(first, 16) ^ int(second, 16)).bit_count()


def near_groups(hashes: Iterable[tuple[str, str]], tick: Callable[[], None] = lambda: None) -> list[list[str]]:
    """Groups of two or more (name, dHash) whose pictures look alike, by name; chains count as one group.

    Each group is in order, and so are the groups. Pictures without a hash look like nothing. `tick` is called after
    every picture.
    """
    parents: dict[str, str] = {}

    def root(name: str) -> str:
        while parents.setdefault(name, name) != name:
            parents[name] = parents[parents[name]]
            name = parents[name]
        return name

    def join(one: str, other: str) -> None:
        first, second = sorted((root(one), root(other)))
        parents[second] = first

    index = NearIndex()
    for name, dhash in sorted(hashes):
        tick()
        if not dhash:
            continue
        if (twin := index.equal(dhash)) is not None:  # its neighbours are joined already, or will be
            join(twin, name)
        else:
            for other, _ in index.matches(dhash):
                join(other, name)
        index.add(name, dhash)
    groups: dict[str, list[str]] = defaultdict(list)
    for name in sorted(parents):
        groups[root(name)].append(name)
    return sorted(group for group in groups.values() if len(group) > 1)


class NearIndex:
    """dHashes by bands of bits: two hashes that differ in at most `MAX_DISTANCE` bits agree in one of one band more.

    Of equal hashes only the lowest name is kept: what is close to it is close to all of them.
    """

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._bands: dict[tuple[int, int], list[int]] = defaultdict(list)

    def add(self, name: str, dhash: str) -> None:
        value = int(dhash, 16)
        known = self._names.get(value)
        self._names[value] = min(name, known or name)
        if known is not None:
            return
        for band in _bands(value):
            self._bands[band].append(value)

    def equal(self, dhash: str) -> str | None:
        """The name that is kept of this very hash."""
        return self._names.get(int(dhash, 16))

    def matches(self, dhash: str) -> list[tuple[str, int]]:
        """(name, distance) of everything close, the closest first; one name for equal hashes."""
        value = int(dhash, 16)
        found: dict[str, int] = {}
        for band in _bands(value):
            for other in self._bands.get(band, ()):
                apart = (value ^ other).bit_count()
                if apart <= MAX_DISTANCE:
                    found[self._names[other]] = apart
        return sorted(found.items(), key=lambda each: (each[1], each[0]))


def _bands(value: int) -> Iterator[tuple[int, int]]:
    for band in range(_BANDS):
        start, end = band * HASH_BITS // _BANDS, (band + 1) * HASH_BITS // _BANDS
        yield band, value >> start & (1 << end - start) - 1
