"""A small starter set and hidden test set, drawn here, and the spec of the exercises that use them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

CLASSES = ("red", "green", "blue")
PER_CLASS = {"starter": 10, "hidden": 6}
POOL = "chaos"


def picture(label: int, seed: int) -> bytes:
    """A noisy JPEG of 96 x 96 in the colour of its class."""
    random = np.random.default_rng((label, seed))
    pixels = random.integers(0, 120, (96, 96, 3))
    pixels[..., label] += 80
    out = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(out, "JPEG", quality=85)
    return out.getvalue()


def write_set(folder: Path, role: str) -> Path:
    """A folder that `library_import` takes."""
    place = folder / role
    place.mkdir(parents=True)
    images = []
    with tarfile.open(place / "images.tar", "w") as tar:
        for label, name in enumerate(CLASSES):
            for number in range(PER_CLASS[role]):
                data = picture(label, number + (1000 if role == "hidden" else 0))
                member = tarfile.TarInfo(f"{name}/{number:04d}.jpg")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
                images.append({"path": member.name, "sha256": hashlib.sha256(data).hexdigest(), "label": name})
    description = {
        "name": f"colours-{role}",
        "title": f"Colours ({role})",
        "role": role,
        "classes": list(CLASSES),
        "sha256": hashlib.sha256((place / "images.tar").read_bytes()).hexdigest(),
        "images": images,
    }
    (place / "dataset.json").write_text(json.dumps(description))
    return place


def spec() -> dict[str, Any]:
    """A graded training exercise on the two sets, with as many tries as a learner likes."""
    return {
        "version": 1,
        "kind": "training",
        "task": "classification",
        "starter_set": "colours-starter",
        "hidden_test_set": "colours-hidden",
        "own_pictures": True,
        "pool": POOL,
        "time_limit_minutes": 10,
        "max_tries": 0,
        "architectures": ["small_cnn"],
        "hyperparameters": {
            "epochs": {"min": 1, "max": 20, "default": 2},
            "learning_rate": {"min": 0.001, "max": 1, "default": 0.2},
            "batch_size": {"min": 1, "max": 64, "default": 16},
            "augmentation": {"default": False},
            "seed": {"default": 1},
        },
        "grading": {
            "metric": "accuracy",
            "thresholds": [
                {"at_least": 0.0, "score": 0.2},
                {"at_least": 0.5, "score": 0.6},
                {"at_least": 0.9, "score": 1},
            ],
        },
    }
