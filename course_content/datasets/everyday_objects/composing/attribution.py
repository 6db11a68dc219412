"""Write the credits of a set from the sources it used."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from . import catalogue

HEAD = """# Credits

Every picture {what} was composed by `recipe.py` from the files below, and so is a modified
version of them: objects were cut to their outline, scaled, turned, recoloured, lit, partly covered and blurred;
backgrounds were cropped, recoloured and blurred. The pictures are under {licence}
(full text: `COPYING` of the data set). The authors named here do not endorse them. The files come without warranty.
"""


def credits_text(
    *,
    what: str,
    licence: str,
    cutouts: Collection[str],
    backgrounds: Collection[catalogue.Background],
    packages: Mapping[str, Mapping[str, str]],
) -> str:
    """Return Markdown naming author, package and licence of every cut-out and every background used."""
    stamps = packages[catalogue.STAMPS_PACKAGE]["version"]
    wallpapers = packages[catalogue.WALLPAPERS_PACKAGE]["version"]
    lines = [HEAD.format(what=what, licence=licence)]
    lines += [
        "## Backgrounds",
        "",
        f"From the Debian package `{catalogue.WALLPAPERS_PACKAGE}` {wallpapers}, `/{catalogue.WALLPAPERS_ROOT}/`",
        "(upstream: https://gitlab.com/ubports/development/core/lomiri-wallpapers).",
        "",
        "| file | author | licence |",
        "|---|---|---|",
    ]
    lines += [
        f"| `{item.file}` | {item.author} | [{item.licence}]({catalogue.LICENCE_URLS[item.licence]}) |"
        for item in sorted(backgrounds, key=lambda item: item.file.lower())
    ]
    lines += [
        "",
        "## Cut-outs",
        "",
        f"From the Debian package `{catalogue.STAMPS_PACKAGE}` {stamps}, `/{catalogue.STAMPS_ROOT}/`",
        "(upstream: https://tuxpaint.org/). Its copyright file names one holder and one licence for all of them.",
        "",
        "| file | author | licence |",
        "|---|---|---|",
    ]
    link = f"[{catalogue.STAMPS_LICENCE}]({catalogue.LICENCE_URLS[catalogue.STAMPS_LICENCE]})"
    lines += [f"| `{cutout}.png` | {catalogue.STAMPS_AUTHOR} | {link} |" for cutout in sorted(cutouts)]
    return "\n".join(lines) + "\n"
