"""Make the everyday-objects sets from Debian packages.

    python recipe.py tuxpaint-stamps-default_*.deb lomiri-wallpapers-16.04_*.deb

writes ``starter/``, ``hidden/``, ``samples/`` and ``sources.json`` beside this file. The same packages, seed, Python,
Pillow and numpy give the same bytes. ``--split objects --out DIR`` makes the lesson on leakage instead: a hidden set
that shows only objects which the training photographs never show.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from composing import attribution, catalogue, compose, deb, duplicates, pack
from PIL import Image

HERE = Path(__file__).resolve().parent
TITLE = "Everyday objects"
SPLITS = {
    "photographs": ("same objects, new photographs", "everyday-objects"),
    "objects": ("unseen objects", "everyday-objects-unseen"),
}
LONGEST_BACKGROUND = 2400
SAMPLE_SIZE = (640, 480)
SAMPLE_DIFFICULTY = compose.Difficulty(
    object_size=(0.6, 0.78),
    most_distractors=0,
    covered=0.0,
    overhang=-0.08,
    tint=0.05,
    warmth=0.05,
    background_blur=(0.001, 0.005),
    exposure=(0.95, 1.1),
    lighting=0.12,
    noise=(0.003, 0.008),
    saturation=(0.9, 1.05),
    final_blur=(0.0, 0.001),
)
SAMPLES = {
    "bird": ("animals/birds/owl", 1),
    "flower": ("plants/flowers/anemone_red", 1),
    "fruit": ("food/fruit/Cherry_Stella", 5),
    "vehicle": ("vehicles/emergency/firetruck", 6),
}
"""The cut-out of each sample, and which of its draws was chosen by eye."""


@dataclass
class Material:
    """The decoded sources: trimmed cut-outs by name, background photographs by file name, packages by name."""

    cutouts: dict[str, Image.Image]
    backgrounds: dict[str, Image.Image]
    packages: dict[str, dict[str, str]]


@dataclass
class PictureSet:
    """Composed JPEGs by path, and the sources that went into them."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    cutouts: set[str] = field(default_factory=set)
    backgrounds: set[str] = field(default_factory=set)


def load_material(archives: Sequence[Path]) -> Material:
    """Read everything the catalogue names from the given packages, whatever their order."""
    by_name: dict[str, Path] = {}
    packages: dict[str, dict[str, str]] = {}
    for archive in archives:
        control = deb.read_control(archive)
        by_name[control["Package"]] = archive
        packages[control["Package"]] = {"version": control["Version"], "sha256": deb.sha256_of(archive)}
    for package in (catalogue.STAMPS_PACKAGE, catalogue.WALLPAPERS_PACKAGE):
        if package not in by_name:
            raise deb.DebError(f"The package {package} is missing. Give its .deb file as an argument.")
    names = [*(name for item in catalogue.CLASSES.values() for name in item.cutouts), *catalogue.DISTRACTORS]
    stamps = deb.read_files(by_name[catalogue.STAMPS_PACKAGE], {catalogue.stamp_path(name) for name in names})
    walls = deb.read_files(
        by_name[catalogue.WALLPAPERS_PACKAGE], {catalogue.wallpaper_path(item) for item in catalogue.BACKGROUNDS}
    )
    cutouts = {name: compose.trim(Image.open(io.BytesIO(stamps[catalogue.stamp_path(name)]))) for name in names}
    backgrounds: dict[str, Image.Image] = {}
    for item in catalogue.BACKGROUNDS:
        photograph = Image.open(io.BytesIO(walls[catalogue.wallpaper_path(item)])).convert("RGB")
        photograph.thumbnail((LONGEST_BACKGROUND, LONGEST_BACKGROUND), Image.Resampling.LANCZOS)
        backgrounds[item.file] = photograph
    used = (catalogue.STAMPS_PACKAGE, catalogue.WALLPAPERS_PACKAGE)
    return Material(cutouts, backgrounds, {name: packages[name] for name in used})


def compose_one(
    material: Material,
    result: PictureSet,
    *,
    rng: Random,
    path: str,
    label: str,
    cutout: str,
    role: str,
    size: tuple[int, int] = (224, 224),
    difficulty: compose.Difficulty = compose.STANDARD,
) -> None:
    """Compose one picture on a background of the given role and add it, with its sources, to the result."""
    choices = [item for item in catalogue.BACKGROUNDS if item.role == role]
    background = choices[int(rng.random() * len(choices))]
    picture = compose.compose(
        rng,
        photograph=material.backgrounds[background.file],
        regions=background.regions,
        cutout=material.cutouts[cutout],
        turn=catalogue.CLASSES[label].turn,
        distractors=[material.cutouts[name] for name in catalogue.DISTRACTORS],
        size=size,
        difficulty=difficulty,
    )
    result.pictures[path] = compose.to_jpeg(picture)
    result.cutouts.add(cutout)
    if difficulty.most_distractors or difficulty.covered:
        result.cutouts.update(catalogue.DISTRACTORS)
    result.backgrounds.add(background.file)


def make_set(material: Material, *, role: str, split: str, per_class: int, seed: int) -> PictureSet:
    """Compose ``per_class`` pictures of each class, every cut-out about equally often."""
    result = PictureSet()
    for label, item in catalogue.CLASSES.items():
        cutouts = item.cutouts
        if split == "objects":
            unseen = catalogue.held_out(cutouts)
            cutouts = unseen if role == "hidden" else tuple(name for name in cutouts if name not in unseen)
        for number in range(per_class):
            compose_one(
                material,
                result,
                rng=Random(f"{seed}/{split}/{role}/{label}/{number}"),
                path=f"{label}/{number + 1:04d}.jpg",
                label=label,
                cutout=cutouts[number % len(cutouts)],
                role=role,
            )
    return result


def make_samples(material: Material, *, seed: int) -> PictureSet:
    """Compose the larger pictures that a student can try a model on; they are in neither set."""
    result = PictureSet()
    for label, (cutout, draw) in SAMPLES.items():
        compose_one(
            material,
            result,
            rng=Random(f"{seed}/samples/{label}/{draw}"),
            path=f"{label}.jpg",
            label=label,
            cutout=cutout,
            role="hidden",
            size=SAMPLE_SIZE,
            difficulty=SAMPLE_DIFFICULTY,
        )
    return result


def credits_of(sets: Sequence[PictureSet], packages: Mapping[str, Mapping[str, str]], what: str) -> str:
    """Return the credits of the given sets together."""
    files = {file for each in sets for file in each.backgrounds}
    return attribution.credits_text(
        what=what,
        licence=pack.LICENCE,
        cutouts={name for each in sets for name in each.cutouts},
        backgrounds=[item for item in catalogue.BACKGROUNDS if item.file in files],
        packages=packages,
    )


def write_contact_sheet(path: Path, pictures: Mapping[str, bytes], columns: int = 12, cell: int = 150) -> None:
    """Write the first pictures of each class, one class a row, as one PNG to look at."""
    rows: dict[str, list[bytes]] = {}
    for name in sorted(pictures):
        rows.setdefault(name.split("/")[0], []).append(pictures[name])
    sheet = Image.new("RGB", (columns * cell, len(rows) * cell))
    for row, jpegs in enumerate(rows.values()):
        for column, jpeg in enumerate(jpegs[:columns]):
            with Image.open(io.BytesIO(jpeg)) as picture:
                sheet.paste(picture.resize((cell - 2, cell - 2)), (column * cell, row * cell))
    sheet.save(path)


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("debs", nargs="+", type=Path, help="the .deb files, in any order")
    parser.add_argument("--out", type=Path, help="where to write (default for --split photographs: beside the recipe)")
    parser.add_argument("--split", choices=sorted(SPLITS), default="photographs")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--train-per-class", type=int, default=120)
    parser.add_argument("--hidden-per-class", type=int, default=40)
    parser.add_argument("--contact-sheets", type=Path, help="also write one PNG per set into this folder")
    arguments = parser.parse_args(argv)
    if arguments.out is None and arguments.split == "objects":
        parser.error("--split objects needs --out, so that it does not overwrite the sets of the other split.")
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the recipe; return the exit status."""
    arguments = parse_arguments(argv)
    out: Path = arguments.out or HERE
    try:
        material = load_material(arguments.debs)
        common = {"split": arguments.split, "seed": arguments.seed}
        starter = make_set(material, role="starter", per_class=arguments.train_per_class, **common)
        hidden = make_set(material, role="hidden", per_class=arguments.hidden_per_class, **common)
        samples = make_samples(material, seed=arguments.seed)
        distance = duplicates.check_disjoint(starter.pictures, hidden.pictures)
        for each in (starter, hidden):
            duplicates.check_disjoint(each.pictures, samples.pictures)
    except (deb.DebError, duplicates.DuplicateError) as error:
        print(error, file=sys.stderr)
        return 1
    split, name = SPLITS[arguments.split]
    for role, each, full_name in (("starter", starter, name), ("hidden", hidden, f"{name}-hidden")):
        text = credits_of([each], material.packages, "of this set")
        pack.write_set(out / role, each.pictures, name=full_name, title=TITLE, role=role, split=split, credits=text)
        if arguments.contact_sheets:
            arguments.contact_sheets.mkdir(parents=True, exist_ok=True)
            write_contact_sheet(arguments.contact_sheets / f"{role}.png", each.pictures)
    (out / "samples").mkdir(exist_ok=True)
    for path, jpeg in samples.pictures.items():
        (out / "samples" / path).write_bytes(jpeg)
    everything = {"starter": starter, "hidden": hidden, "samples": samples}
    text = credits_of(
        list(everything.values()), material.packages, "of the starter set, the hidden test set and the samples"
    )
    (out / "CREDITS.md").write_text(text, encoding="utf-8", newline="\n")
    sources = {
        "packages": material.packages,
        "seed": arguments.seed,
        "sets": {
            role: {"cutouts": sorted(each.cutouts), "backgrounds": sorted(each.backgrounds)}
            for role, each in everything.items()
        },
    }
    (out / "sources.json").write_text(json.dumps(sources, indent=1) + "\n", encoding="utf-8", newline="\n")
    print(
        f"{len(starter.pictures)} starter and {len(hidden.pictures)} hidden pictures; "
        f"the nearest pair differs in {distance} of 64 hash bits."
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
