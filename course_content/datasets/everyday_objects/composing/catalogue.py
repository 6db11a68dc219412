"""What the pictures are made of: photographic cut-outs and background photographs, chosen by eye.

Paths of cut-outs are relative to ``usr/share/tuxpaint/stamps`` without ``.png``; drawings, mirrored copies, badly cut
and very small ones are left out. Backgrounds are the photographs of ``lomiri-wallpapers-16.04`` that its copyright
file puts under CC0 or CC-BY. The other two licences in those packages (CC-BY-SA 3.0 and 4.0) are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

STAMPS_PACKAGE = "tuxpaint-stamps-default"
STAMPS_ROOT = "usr/share/tuxpaint/stamps"
STAMPS_AUTHOR = "Bill Kendrick and the Tux Paint contributors, 2002-2022"
STAMPS_LICENCE = "GPL-2.0-or-later"

WALLPAPERS_PACKAGE = "lomiri-wallpapers-16.04"
WALLPAPERS_ROOT = "usr/share/backgrounds"


@dataclass(frozen=True)
class ObjectClass:
    """One class: its cut-outs and how far (degrees, either way) an object of it may be turned."""

    cutouts: tuple[str, ...]
    turn: float


@dataclass(frozen=True)
class Background:
    """One photograph: who made it, under which licence, and the parts of it that may be cropped.

    ``regions`` are boxes (left, top, right, bottom) in fractions of the picture that show no object of a class.
    """

    file: str
    author: str
    licence: str
    role: str
    regions: tuple[tuple[float, float, float, float], ...] = ((0.0, 0.0, 1.0, 1.0),)


def _under(folder: str, names: str) -> tuple[str, ...]:
    """Return the space-separated names with their folder in front."""
    return tuple(f"{folder}/{name}" for name in names.split())


CLASSES: dict[str, ObjectClass] = {
    "ball": ObjectClass(
        _under("sports", "australian_rules_football basketball cricketball football soccer tennis_ball"), 180
    ),
    "bird": ObjectClass(
        _under(
            "animals/birds",
            "blackbird crow duck hen lark magpie owl pigeon rainbow-lorikeet rooster seagull silver-gull",
        ),
        20,
    ),
    "cow": ObjectClass(_under("animals/mammals/bovines", "bull cow cow_white zebu"), 12),
    "fish": ObjectClass(
        _under("animals/fish", "bluegroper butterflyfish clownfish coraltrout dolphinfish moonwrasse stripedfish"),
        40,
    ),
    "flower": ObjectClass(
        _under(
            "plants/flowers",
            "adeenia anemone_red daffodil flower1 flower3 flower8 marigold pigface red-gazania rose "
            "whitestar-petunia yellow-flower",
        ),
        180,
    ),
    "fruit": ObjectClass(
        _under(
            "food/fruit",
            "Apricot_whole Cherry_Stella Strawberry2 apricot avocado cherimoya kiwi lemon mandarine orange_seville "
            "pineapple",
        ),
        70,
    ),
    "guitar": ObjectClass(
        _under("hobbies/music/string", "guitar2 guitar_classical guitar_electric guitar_electric_bass"), 90
    ),
    "insect": ObjectClass(_under("animals/insects", "fly grasshopper hornet hoverfly mantis xanthia"), 120),
    "tool": ObjectClass(_under("household/tools", "hammer mallet_metal plyers saw wrench wrench_plumbers"), 180),
    "vehicle": ObjectClass(
        _under(
            "vehicles",
            "auto/beetle auto/sedan auto/sportscar2 auto/truck construction/dumper emergency/firetruck garbagetruck "
            "masstransit/green_korean_bus",
        ),
        14,
    ),
}

DISTRACTORS: tuple[str, ...] = (
    *_under("household", "Lightbulb garbagecan kettle key dishes/mug dishes/pitcher_small dishes/teapot"),
    *_under("hobbies", "binoculars camera_35mm"),
    *_under("food/nuts", "almond pecan walnut"),
    *_under("food/vegetables", "broccoli corn garlic mushroom onion potato"),
    *_under("plants/trees", "pinecone"),
    *_under("medical", "bandage_adhesive"),
)

_AITZOL = ("Aitzol Berasategi, 2018", "CC-BY-4.0")
_FREESPACE = ('Trevor "Freespace", 2018', "CC-BY-4.0")

BACKGROUNDS: tuple[Background, ...] = (
    Background("aitzgorri_by_Aitzol_Berasategi.jpg", *_AITZOL, "starter"),
    Background("life_by_Aitzol_Berasategi.jpg", *_AITZOL, "starter"),
    Background("picosdeeuropa_by_Aitzol_Berasategi.jpg", *_AITZOL, "starter"),
    Background("Picture_1A_by_freespace.jpg", *_FREESPACE, "starter"),
    Background("Wine_by_Jakkub_Mede.jpg", "Jakub Mede, 2018", "CC-BY-4.0", "starter"),
    Background(
        "seeding_by_Clements_Engelhardt.jpg",
        "Clemens Engelhardt, 2018",
        "CC0-1.0",
        "starter",
        ((0.45, 0.2, 1.0, 1.0), (0.0, 0.6, 1.0, 1.0)),
    ),
    Background(
        "friends_by_Aitzol_Berasategi.jpg",
        *_AITZOL,
        "hidden",
        ((0.55, 0.0, 1.0, 0.42), (0.0, 0.64, 1.0, 1.0), (0.0, 0.0, 0.3, 1.0)),
    ),
    Background("sunset_by_Aitzol_Berasategi.jpg", *_AITZOL, "hidden"),
    Background(
        "Picture_0B_by_freespace.jpg",
        *_FREESPACE,
        "hidden",
        ((0.0, 0.36, 0.38, 1.0), (0.0, 0.0, 0.4, 0.5), (0.71, 0.1, 1.0, 0.9)),
    ),
)

LICENCE_URLS = {
    "CC-BY-4.0": "https://creativecommons.org/licenses/by/4.0/",
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    "GPL-2.0-or-later": "https://www.gnu.org/licenses/old-licenses/gpl-2.0.html",
}


def held_out(cutouts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the cut-outs that the unseen-objects split keeps for the hidden set: every third, at least one."""
    return cutouts[1::3]


def stamp_path(cutout: str) -> str:
    """Return the path of a cut-out inside its package."""
    return f"{STAMPS_ROOT}/{cutout}.png"


def wallpaper_path(background: Background) -> str:
    """Return the path of a background inside its package."""
    return f"{WALLPAPERS_ROOT}/{background.file}"
