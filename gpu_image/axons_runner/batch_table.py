"""The table of a batch: one line a picture, written as it comes; and the masks beside it. Imports no torch."""

from __future__ import annotations

import csv
import math
import re
import zipfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from axons_runner.errors import InvalidInput

TABLE, MASKS = "predictions.csv", "masks.zip"
TOLERANCE = 1e-3  # of the sum of a row's shares
# what spreadsheets take for the beginning of a formula, also in full width (OWASP, "CSV Injection"); in many countries
# a cell ends at a semicolon
_FORMULA = re.compile("(^|[;\t])(?= *[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")
_STEM = re.compile(r"[^A-Za-z0-9._-]+")


class BatchTable:
    """``predictions.csv`` in a folder, and with ``masks`` also ``masks.zip``; close it before reading them."""

    def __init__(self, folder: Path, classes: Sequence[str], *, masks: bool) -> None:
        self.classes = list(classes)
        self.paths = {TABLE: folder / TABLE}
        self.first: Counter[str] = Counter()
        self.predicted = self.refused = 0
        self.masks: zipfile.ZipFile | None = None
        if masks:
            self.paths[MASKS] = folder / MASKS
            self.masks = zipfile.ZipFile(self.paths[MASKS], "w")  # PNGs do not compress, so nothing is
        self.file = self.paths[TABLE].open("w", encoding="utf-8-sig", newline="")  # a mark, as spreadsheets want it
        self.writer = csv.writer(self.file)
        measure = "area of" if masks else "probability of"
        columns = ["file", "class", *(f"{measure} {label}" for label in self.classes)]
        self.writer.writerow([*map(safe_cell, columns), *(["mask"] if masks else []), "not read because"])

    def __enter__(self) -> BatchTable:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.file.close()
        if self.masks is not None:
            self.masks.close()

    def add(self, name: str, shares: Sequence[float], mask: bytes | None = None) -> None:
        """Add a picture whose classes have these ``shares`` (classes,), 0 to 1 and 1 in all; of pixels for a mask.

        Raises InvalidInput when they are not: then nothing of the batch is stored.
        """
        values = [float(share) for share in shares]
        fair = len(values) == len(self.classes) and all(math.isfinite(v) and 0 <= v <= 1 + TOLERANCE for v in values)
        if not fair or abs(sum(values) - 1) > TOLERANCE:
            raise InvalidInput(f"This model cannot be used: what it gives for “{name}” are no shares of its classes.")
        label = self.classes[max(range(len(values)), key=values.__getitem__)]
        cells = [safe_cell(name), safe_cell(label), *(f"{value:.6f}" for value in values)]
        if self.masks is not None and mask is not None:
            place = f"{self.predicted + self.refused + 1:04}-{_STEM.sub('_', Path(name).stem)[:80] or 'picture'}.png"
            self.masks.writestr(zipfile.ZipInfo(place), mask)  # without a date: the same pictures give the same zip
            cells.append(place)
        self.writer.writerow([*cells, ""])
        self.first[label] += 1
        self.predicted += 1

    def refuse(self, name: str, reason: str) -> None:
        """Add a picture that was not read."""
        empty = [""] * (1 + len(self.classes) + (self.masks is not None))
        self.writer.writerow([safe_cell(name), *empty, safe_cell(reason)])
        self.refused += 1

    def counts(self) -> dict[str, Any]:
        """Return the contract's summary."""
        return {
            "pictures": self.predicted + self.refused,
            "predicted": self.predicted,
            "refused": self.refused,
            "classes": dict(self.first),
        }


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet runs: with an apostrophe before what would be taken for a formula."""
    return _FORMULA.sub(r"\1'", text)
