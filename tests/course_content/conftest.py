"""Make the recipe's modules importable: the data-set folder is a place for scripts, not an installed package."""

from __future__ import annotations

import sys
from pathlib import Path

DATASET = Path(__file__).resolve().parents[2] / "course_content" / "datasets" / "everyday_objects"
sys.path.insert(0, str(DATASET))
