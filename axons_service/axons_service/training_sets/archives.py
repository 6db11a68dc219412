"""Zips from strangers: everything that is wrong with one is found before anything in it is unpacked."""

import io
import re
import stat
import struct
import zipfile
import zlib
from pathlib import Path

MAX_MEMBERS = 10_000
MAX_DIRECTORY_BYTES = 8 * 1024 * 1024
MAX_MEMBER_BYTES = 20 * 1024 * 1024
MAX_TOTAL_BYTES = 4 * 1024**3
RATIO = 50
RATIO_FROM_BYTES = 64 * 1024 * 1024
NESTED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".jar", ".zst")
_END = b"PK\x05\x06"
_ZIP64, _ZIP64_BYTES = b"PK\x06\x07", 20
_LOCAL = struct.Struct("<4s5H3L2H")
_STREAMED = 0x08
_ENCRYPTED = 0x41
_CHUNK = 1 << 16


class ArchiveRefused(Exception):
    """The zip cannot be used; `code` is stable, the sentence names what is wrong."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


def archive_open(path: Path, name: str) -> zipfile.ZipFile:
    """A zip whose every member is a plain file or folder in a safe place. Raises ArchiveRefused."""
    _check_directory(path, name)
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise ArchiveRefused("archive_damaged", f"{name} is not a zip file that can be read.") from error
    try:
        with path.open("rb") as file:
            _check_members(archive.infolist(), file, name)
    except ArchiveRefused:
        archive.close()
        raise
    return archive


def member_read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's content, as long as its header says. Raises ArchiveRefused for a damaged one."""
    buffer = io.BytesIO()
    _copy(archive, member, buffer)
    return buffer.getvalue()


def member_extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, path: Path) -> None:
    """Write a member's content to `path`; of a damaged one what can be read: its picture is refused."""
    with path.open("wb") as file:
        try:
            _copy(archive, member, file)
        except ArchiveRefused:
            return


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: io.BufferedIOBase | io.BufferedWriter) -> None:
    try:
        with archive.open(member) as content:
            left = member.file_size
            while left > 0 and (chunk := content.read(min(left, _CHUNK))):
                target.write(chunk)
                left -= len(chunk)
            if left or content.read(1):
                raise ArchiveRefused("archive_damaged", f"{member.filename} in the zip is not as long as it says.")
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError, RuntimeError, OSError) as error:
        raise ArchiveRefused("archive_damaged", f"{member.filename} in the zip is damaged.") from error


def _check_directory(path: Path, name: str) -> None:
    """Look at the directory's size before reading it whole."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - 65_557 - _ZIP64_BYTES))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + 22:
        raise ArchiveRefused("archive_damaged", f"{name} is not a zip file, or its end is missing.")
    if tail[max(0, at - _ZIP64_BYTES) : at].startswith(_ZIP64):  # Python would believe it, whatever the end itself says
        sentence = f"{name} is a zip of the form for more than 4 GiB. Make it again as an ordinary one, or split it."
        raise ArchiveRefused("archive_too_large", sentence)
    count, length = struct.unpack_from("<HL", tail, at + 10)
    if count > MAX_MEMBERS or length > MAX_DIRECTORY_BYTES:
        sentence = f"{name} holds too many files. Allowed are {MAX_MEMBERS:,}; split it into smaller zips."
        raise ArchiveRefused("archive_too_many_files", sentence)


def _check_members(members: list[zipfile.ZipInfo], file: io.BufferedReader, name: str) -> None:
    if len(members) > MAX_MEMBERS:
        sentence = f"{name} holds {len(members):,} files. Allowed are {MAX_MEMBERS:,}."
        raise ArchiveRefused("archive_too_many_files", sentence)
    seen: set[str] = set()
    for member in members:
        _check_place(member, name)
        _check_kind(member, name)
        if member.filename.casefold() in seen:
            raise ArchiveRefused("archive_duplicate_name", f"{name} holds {member.filename} twice.")
        seen.add(member.filename.casefold())
    total = sum(member.file_size for member in members)
    packed = sum(member.compress_size for member in members)
    if total > MAX_TOTAL_BYTES:
        raise ArchiveRefused("archive_too_large", f"{name} unpacks to more than {MAX_TOTAL_BYTES // 1024**3} GiB.")
    if total > RATIO_FROM_BYTES and total > RATIO * packed:
        sentence = f"{name} unpacks to more than {RATIO} times its size: that is no set of pictures."
        raise ArchiveRefused("archive_ratio", sentence)
    _check_layout(members, file, name)


def _check_place(member: zipfile.ZipInfo, name: str) -> None:
    raw = member.orig_filename
    parts = raw.split("/")
    absolute = raw.startswith("/") or re.match(r"[A-Za-z]:", raw) is not None
    if absolute or ".." in parts or "\\" in raw or "\0" in raw or len(raw) > 1000:
        shown = raw.replace("\0", "")[:80]
        raise ArchiveRefused("archive_unsafe_path", f"{name} holds “{shown}”, which points out of the zip.")


def _check_kind(member: zipfile.ZipInfo, name: str) -> None:
    mode = member.external_attr >> 16
    if stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
        sentence = f"{name} holds {member.filename}, which is a link or a device and no file."
        raise ArchiveRefused("archive_link", sentence)
    if member.flag_bits & _ENCRYPTED:
        raise ArchiveRefused("archive_encrypted", f"{name} is encrypted. Make the zip again without a password.")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        sentence = f"{name} is compressed in a way that cannot be read here. Make the zip again as an ordinary one."
        raise ArchiveRefused("archive_method", sentence)
    if member.filename.lower().endswith(NESTED):
        raise ArchiveRefused("archive_nested", f"{name} holds {member.filename}: a zip inside a zip is not unpacked.")
    if member.file_size > MAX_MEMBER_BYTES:
        limit = MAX_MEMBER_BYTES // 1024 // 1024
        raise ArchiveRefused("archive_member_too_large", f"{member.filename} in {name} is larger than {limit} MiB.")


def _check_layout(members: list[zipfile.ZipInfo], file: io.BufferedReader, name: str) -> None:
    """Each member's local header agrees with the directory, and no two members share bytes."""
    end = 0
    for member in sorted(members, key=lambda each: each.header_offset):
        file.seek(member.header_offset)
        header = file.read(_LOCAL.size)
        if len(header) < _LOCAL.size:
            raise _disagrees(member, name)
        magic, _, flags, method, _, _, crc, packed, plain, name_length, extra_length = _LOCAL.unpack(header)
        raw_name = file.read(name_length)
        encoding = "utf-8" if flags & 0x800 else "cp437"
        same = (
            magic == b"PK\x03\x04"
            and method == member.compress_type
            and flags & ~_STREAMED & 0xFFFF == member.flag_bits & ~_STREAMED & 0xFFFF
            and raw_name.decode(encoding, "replace") == member.orig_filename
        )
        sizes = (member.CRC, member.compress_size, member.file_size)
        unsaid = flags & _STREAMED and (crc, packed, plain) == (0, 0, 0)
        long = 0xFFFFFFFF in (packed, plain)
        if not same or not (unsaid or long or (crc, packed, plain) == sizes):
            raise _disagrees(member, name)
        if member.header_offset < end:
            raise ArchiveRefused("archive_overlap", f"{name} holds files that overlap: that is no ordinary zip.")
        end = member.header_offset + _LOCAL.size + name_length + extra_length + member.compress_size


def _disagrees(member: zipfile.ZipInfo, name: str) -> ArchiveRefused:
    sentence = f"{name} says two different things of {member.filename}. Make the zip again."
    return ArchiveRefused("archive_headers_disagree", sentence)
