"""Read files out of Debian packages with plain Python, on any operating system.

A ``.deb`` is an ``ar`` archive with three members: ``debian-binary``, ``control.tar.*`` and ``data.tar.*`` (deb(5)).
"""

from __future__ import annotations

import hashlib
import io
import posixpath
import tarfile
from collections.abc import Collection
from pathlib import Path

AR_MAGIC = b"!<arch>\n"
AR_HEADER_BYTES = 60


class DebError(ValueError):
    """The file is not a Debian package this reader understands, or lacks a wanted file."""


def ar_member(archive: Path, prefix: str) -> tuple[str, bytes]:
    """Return name and content of the first member of an ar archive whose name starts with ``prefix``."""
    with archive.open("rb") as stream:
        if stream.read(len(AR_MAGIC)) != AR_MAGIC:
            raise DebError(f"{archive.name} is not a Debian package: it does not start with the ar magic.")
        while header := stream.read(AR_HEADER_BYTES):
            if len(header) != AR_HEADER_BYTES or header[58:60] != b"`\n":
                raise DebError(f"{archive.name} is damaged: an ar header is broken or cut short.")
            name = header[:16].decode("ascii").strip().rstrip("/")
            size = int(header[48:58])
            if name.startswith(prefix):
                content = stream.read(size)
                if len(content) != size:
                    raise DebError(f"{archive.name} is cut short inside {name}.")
                return name, content
            stream.seek(size + size % 2, io.SEEK_CUR)  # members are padded to even offsets
    raise DebError(f"{archive.name} has no member {prefix}*.")


def open_tar(name: str, content: bytes) -> tarfile.TarFile:
    """Open a possibly compressed tar (none, gzip, bzip2, xz or zstd, told by the name) as a stream."""
    if name.endswith(".zst"):
        try:
            import zstandard
        except ImportError as error:
            raise DebError(f"{name} is packed with zstd. Install the package 'zstandard' to read it.") from error
        return tarfile.open(fileobj=zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)), mode="r|")
    return tarfile.open(fileobj=io.BytesIO(content), mode="r|*")


def read_control(archive: Path) -> dict[str, str]:
    """Return the one-line fields of the package's control file, such as ``Package`` and ``Version``."""
    with open_tar(*ar_member(archive, "control.tar")) as tar:
        for member in tar:
            if posixpath.normpath(member.name) == "control" and (stream := tar.extractfile(member)):
                lines = stream.read().decode("utf-8").splitlines()
                pairs = (line.split(":", 1) for line in lines if ":" in line and not line.startswith((" ", "\t")))
                return {key: value.strip() for key, value in pairs}
    raise DebError(f"{archive.name} has no control file.")


def read_files(archive: Path, wanted: Collection[str]) -> dict[str, bytes]:
    """Return the content of the wanted regular files; paths are relative to the root, without a leading ``./``.

    Nothing is written to disk. Raises :class:`DebError` naming the files that the package does not hold.
    """
    missing = set(wanted)
    found: dict[str, bytes] = {}
    with open_tar(*ar_member(archive, "data.tar")) as tar:
        for member in tar:
            path = posixpath.normpath(member.name)
            if path in missing and member.isfile() and (stream := tar.extractfile(member)):
                found[path] = stream.read()
                missing.discard(path)
                if not missing:
                    break
    if missing:
        raise DebError(f"{archive.name} does not hold {', '.join(sorted(missing))}.")
    return found


def sha256_of(archive: Path) -> str:
    """Return the hexadecimal SHA-256 of a file."""
    with archive.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
