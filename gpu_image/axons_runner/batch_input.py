"""Many pictures from a stranger, one after the other: from a zip, or from the store. Imports no torch.

Nothing of a zip is written to the disk, one file of it is in memory at a time, and each is read no further than a
picture may be long: names that point elsewhere, links, zips in zips and bombs each become a row that says so.
"""

from __future__ import annotations

import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from axons_runner.cache import download
from axons_runner.errors import InvalidInput
from axons_runner.pictures import MAX_BYTES

MAX_UNPACKED_BYTES = 2 << 30  # of all pictures of a zip: what is inflated costs time, not memory
MAX_DIRECTORY_BYTES = 4 << 20
NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".jar", ".zst")
LONGEST_NAME = 200
_END, _END_BYTES, _ZIP64 = b"PK\x05\x06", 22, b"PK\x06\x07"
_TAIL = _END_BYTES + 20 + 65_535  # the end, what tells of ZIP64 before it, and the longest comment behind it
_ENCRYPTED = 0x41
_CHUNK = 1 << 16
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,
    EOFError,
    RuntimeError,
    OSError,
    ValueError,
)


@dataclass(frozen=True)
class Found:
    """One file: its content, or the sentence that says why it was not opened."""

    name: str
    data: bytes = b""
    reason: str = ""


class Zip:
    """The files of a zip in its own order, without folders and what systems leave in zips."""

    def __init__(self, path: Path, name: str, most: int) -> None:
        """Look at the directory. Raises InvalidInput for what is no zip, or has none or more than ``most`` files."""
        self.name = plain(name)
        _check_end(path, self.name, most)
        try:
            self.archive = zipfile.ZipFile(path)
        except _DAMAGE as error:
            raise InvalidInput(f"“{self.name}” is damaged, so it cannot be opened. Make the zip again.") from error
        self.members = [each for each in self.archive.infolist() if not _is_litter(each)]
        if not self.members:
            raise InvalidInput(f"“{self.name}” holds no pictures.")
        if len(self.members) > most:
            raise InvalidInput(_too_many(self.name, len(self.members), most))

    def __len__(self) -> int:
        return len(self.members)

    def __iter__(self) -> Iterator[Found]:
        seen: set[str] = set()
        left = MAX_UNPACKED_BYTES
        for member in self.members:
            name = plain(member.orig_filename)
            reason = _objection(member, name)
            if not reason and member.orig_filename in seen:
                reason = f"“{name}” is in the zip twice. The first one counts."
            seen.add(member.orig_filename)
            if not reason and left <= 0:
                reason = f"“{name}” was not opened: the zip unpacks to more than {MAX_UNPACKED_BYTES >> 30} GiB."
            found = Found(name, reason=reason) if reason else self._read(member, name)
            left -= len(found.data)
            yield found

    def _read(self, member: zipfile.ZipInfo, name: str) -> Found:
        content = bytearray()  # zipfile gives no more than the length that was looked at, and inflates by the chunk
        try:
            with self.archive.open(member) as stream:
                while chunk := stream.read(_CHUNK):
                    content += chunk
        except _DAMAGE:
            return Found(name, reason=f"“{name}” is damaged in the zip, so it cannot be opened.")
        return Found(name, bytes(content))


class Pictures:
    """Single pictures, fetched one after the other when it is their turn."""

    def __init__(self, pictures: Sequence[Mapping[str, Any]], folder: Path) -> None:
        self.pictures = pictures
        self.path = folder / "upload"

    def __len__(self) -> int:
        return len(self.pictures)

    def __iter__(self) -> Iterator[Found]:
        """Raises Infrastructure for one that cannot be had."""
        for picture in self.pictures:
            name = plain(picture["name"])
            if picture["bytes"] > MAX_BYTES:
                yield Found(name, reason=_too_large(name))
                continue
            download(picture["url"], self.path, sha256=None, limit_bytes=picture["bytes"])
            yield Found(name, self.path.read_bytes())


def batch_input(batch: Mapping[str, Any], folder: Path) -> Zip | Pictures:
    """Return the pictures of an assignment's ``batch``; its zip is fetched into ``folder``.

    Raises InvalidInput for a zip that cannot be used at all, Infrastructure for one that cannot be had.
    """
    archive = batch["archive"]
    if archive is None:
        return Pictures(batch["pictures"], folder)
    path = folder / "upload.zip"
    download(archive["url"], path, sha256=None, limit_bytes=archive["bytes"])
    return Zip(path, archive["name"], batch["max_pictures"])


def plain(name: str) -> str:
    """Return a name as it may be shown: one line, no control or direction characters, not endless."""
    normal = unicodedata.normalize("NFC", name)
    shown = "".join(c for c in normal if unicodedata.category(c)[0] != "C").strip()[:LONGEST_NAME]
    return shown or "unnamed"


def _check_end(path: Path, name: str, most: int) -> None:
    """Look at the directory's size before all of it is read into memory."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        raise InvalidInput(f"“{name}” is not a zip file, or its end is missing. Make the zip again.")
    count, length = struct.unpack_from("<HL", tail, at + 10)
    if tail[max(0, at - 20) : at].startswith(_ZIP64):  # whatever the end says, Python would believe what lies there
        raise InvalidInput(f"“{name}” is a zip of the form for huge files. Make it again as an ordinary one.")
    if length > MAX_DIRECTORY_BYTES:
        raise InvalidInput(_too_many(name, count, most))


def _objection(member: zipfile.ZipInfo, name: str) -> str:
    """Return why a file of a zip is not opened; empty when nothing is wrong with it from outside."""
    raw = member.orig_filename
    mode = member.external_attr >> 16
    if raw.startswith("/") or re.match("[A-Za-z]:", raw) or "\\" in raw or "\0" in raw or ".." in raw.split("/"):
        return f"“{name}” points out of the zip, so it was not opened."
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG):
        return f"“{name}” is a link or a device and no picture."
    if member.flag_bits & _ENCRYPTED:
        return f"“{name}” is encrypted. Make the zip again without a password."
    if raw.lower().endswith(NESTED):
        return f"“{name}” is an archive inside the zip and was not opened. Put its pictures into the zip itself."
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"“{name}” is compressed in a way that cannot be read here. Make the zip again as an ordinary one."
    return _too_large(name) if member.file_size > MAX_BYTES else ""


def _is_litter(member: zipfile.ZipInfo) -> bool:
    """Folders, and what systems leave in zips and nobody means to send."""
    parts = member.orig_filename.split("/")
    hidden = any(part.startswith(".") and part not in (".", "..") for part in parts) or "__MACOSX" in parts
    return member.orig_filename.endswith("/") or hidden or parts[-1].lower() in ("thumbs.db", "desktop.ini")


def _too_large(name: str) -> str:
    return f"“{name}” is larger than {MAX_BYTES >> 20} MiB, which is the limit for one picture."


def _too_many(name: str, count: int, most: int) -> str:
    return f"“{name}” holds {count:,} files; at most {most:,} can be looked at in one go. Split it into smaller zips."
