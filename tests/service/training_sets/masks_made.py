"""Sets of pictures with masks for tests: as zips of strangers, and as folders of recipes."""

import io
import json
import tarfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from tests.service import builders
from tests.service.training_sets import pictures_made as made

CLASSES = ["background", "leaf", "fruit"]


def mask(seed: int = 1, size: tuple[int, int] = (64, 48), *, value: int | None = None) -> Image.Image:
    """A mask with a square of leaf (of fruit for odd seeds) at a place that the seed chooses, and one pixel of 255."""
    image = Image.new("L", size)
    left = 2 + seed % 5
    ImageDraw.Draw(image).rectangle((left, 2, left + 19, 21), fill=1 + seed % 2 if value is None else value)
    image.putpixel((size[0] - 1, size[1] - 1), 255)
    return image


def mask_png(seed: int = 1, **options: Any) -> bytes:
    return made.encoded(mask(seed, **options), "PNG")


def palette_png(image: Image.Image, **options: Any) -> bytes:
    """The same values as a palette PNG, as annotation tools write them; `transparency` as in PNG's tRNS."""
    coloured = Image.frombytes("P", image.size, image.tobytes())
    coloured.putpalette([channel for value in range(256) for channel in (value, 255 - value, 7)])
    return made.encoded(coloured, "PNG", **options)


def files(count: int = 10, start: int = 0) -> dict[str, bytes]:
    """What a zip of `count` pictures holds."""
    found = {"classes.txt": "\n".join(CLASSES).encode()}
    for n in range(start, start + count):
        found[f"images/{n}.jpg"] = made.jpeg(n)
        found[f"masks/{n}.png"] = mask_png(n)
    return found


def folder(path: Path, *, role: str = "starter", name: str = "plants", **changes: Any) -> Path:
    """A library set with masks as a recipe writes it; `changes` go into dataset.json, `members` into the tar."""
    members = changes.pop("members", None) or files(10, start=0 if role == "starter" else 500)
    path.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for member, data in members.items():
            info = tarfile.TarInfo(member)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    images = []
    for member, data in members.items():
        if not member.startswith("images/"):
            continue
        drawn = f"masks/{Path(member).stem}.png"
        entry: dict[str, Any] = {"path": member, "sha256": builders.sha256(data)}
        if drawn in members:
            entry["mask"] = {"path": drawn, "sha256": builders.sha256(members[drawn])}
        images.append(entry)
    description = {
        "name": name,
        "title": "Plants",
        "role": role,
        "task": "segmentation",
        "classes": CLASSES,
        "licence": "CC0",
        "sha256": builders.sha256(buffer.getvalue()),
        "images": images,
        **changes,
    }
    (path / "images.tar").write_bytes(buffer.getvalue())
    (path / "dataset.json").write_text(json.dumps(description))
    return path


def spec(**changes: Any) -> dict[str, Any]:
    """A valid spec of an exercise with masks, graded by mIoU on the hidden set `secret-plants`."""
    body = builders.spec(
        task="segmentation",
        starter_set="plants",
        hidden_test_set="secret-plants",
        architectures=["lite0_lraspp", "small_unet"],
        grading={"metric": "miou", "thresholds": [{"at_least": 0.3, "score": 0.5}, {"at_least": 0.6, "score": 1.0}]},
    )
    return {**body, **changes}
