"""The colours of classes in masks and overlays: those of PASCAL VOC, by its rule. Imports no torch."""

from __future__ import annotations

NAMED = 21  # VOC's own classes; the rule gives more where a set has more


def colour(index: int) -> tuple[int, int, int]:
    """Return the colour of a class: VOC's rule spreads the bits of its number over red, green and blue."""
    red = green = blue = 0
    rest = index
    for bit in range(7, -1, -1):
        red |= (rest & 1) << bit
        green |= (rest >> 1 & 1) << bit
        blue |= (rest >> 2 & 1) << bit
        rest >>= 3
    return red, green, blue


def palette() -> list[int]:
    """Return the palette of a mask's PNG: 256 colours, 768 numbers."""
    return [part for index in range(256) for part in colour(index)]


def hexadecimal(index: int) -> str:
    """Return a class's colour as ``#rrggbb``."""
    return "#{:02x}{:02x}{:02x}".format(*colour(index))
