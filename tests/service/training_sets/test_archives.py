"""Zips from strangers: each trick is refused with its sentence; ordinary ones are read."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from axons_service.training_sets import archives
from axons_service.training_sets.archives import ArchiveRefused, archive_open, member_extract
from axons_service.training_sets.layout import archive_pictures, export_paths
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets.test_near import listed


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def with_info(change: Callable[[zipfile.ZipInfo], None]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        info = zipfile.ZipInfo("cat/a.jpg")
        change(info)
        archive.writestr(info, b"x")
    return buffer.getvalue()


def raw_name(name: bytes) -> bytes:
    """A zip whose member has a name that Python's writer would not write."""
    plain = zipped({"N" * len(name): b"x"})
    return plain.replace(b"N" * len(name), name)


def overlapping() -> bytes:
    """A member whose content is another member, which the directory lists too, as in a zip bomb without nesting."""
    inner = zipped({"cat/b.jpg": b"x" * 50})
    at = inner.find(b"PK\1\2")
    outer = zipped({"cat/a.jpg": inner[:at]})
    first, end = outer.find(b"PK\1\2", 30 + 9 + at), outer.rfind(b"PK\5\6")
    entry = bytearray(inner[at : inner.rfind(b"PK\5\6")])
    entry[42:46] = struct.pack("<L", 30 + 9)
    directory = outer[first:end] + bytes(entry)
    return outer[:first] + directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 2, 2, len(directory), first, 0)


def disagreeing() -> bytes:
    data = zipped({"cat/a.jpg": b"x" * 50})
    return data.replace(b"cat/a.jpg", b"cat/z.sh ", 1)


def encrypted() -> bytes:
    data = bytearray(zipped({"cat/a.jpg": b"x"}))
    data[6] |= 1
    data[data.find(b"PK\1\2") + 8] |= 1
    return bytes(data)


def huge_form() -> bytes:
    """A small zip that says of itself, as huge ones do, that its real directory is told of elsewhere."""
    data = zipped({"cat/a.jpg": b"x" * 50})
    end = data.rfind(b"PK\5\6")
    return data[:end] + struct.pack("<4sLQL", b"PK\6\7", 0, 0, 1) + data[end:]


HOSTILE: dict[str, tuple[bytes, str]] = {
    "text": (b"dear diary", "archive_damaged"),
    "cut": (zipped({"cat/a.jpg": b"x" * 500})[:-60], "archive_damaged"),
    "parent": (zipped({"../../etc/passwd": b"x"}), "archive_unsafe_path"),
    "inner parent": (zipped({"cat/../../a.jpg": b"x"}), "archive_unsafe_path"),
    "absolute": (zipped({"/etc/passwd": b"x"}), "archive_unsafe_path"),
    "drive": (raw_name(b"C:/boot.jpg"), "archive_unsafe_path"),
    "backslash": (raw_name(b"cat\\..\\a.jpg"), "archive_unsafe_path"),
    "symlink": (with_info(lambda info: setattr(info, "external_attr", 0o120777 << 16)), "archive_link"),
    "device": (with_info(lambda info: setattr(info, "external_attr", 0o060644 << 16)), "archive_link"),
    "encrypted": (encrypted(), "archive_encrypted"),
    "nested": (zipped({"cat/more.zip": b"PK"}), "archive_nested"),
    "nested tar": (zipped({"cat/more.tar.GZ": b"x"}), "archive_nested"),
    "method": (zipped({"cat/a.jpg": b"x" * 99}, zipfile.ZIP_BZIP2), "archive_method"),
    "twice": (zipped({"cat/a.jpg": b"x", "cat/A.JPG": b"y"}), "archive_duplicate_name"),
    "ratio": (
        zipped({f"cat/{n}.jpg": bytes(19 * 2**20) for n in range(4)}, zipfile.ZIP_DEFLATED),
        "archive_ratio",
    ),
    "large": (zipped({"cat/a.jpg": bytes(21 * 2**20)}, zipfile.ZIP_DEFLATED), "archive_member_too_large"),
    "disagreeing": (disagreeing(), "archive_headers_disagree"),
    "huge form": (huge_form(), "archive_too_large"),
    "overlapping": (overlapping(), "archive_overlap"),
}


@pytest.mark.parametrize("trick", HOSTILE)
def test_a_hostile_zip_is_refused_before_it_is_unpacked(tmp_path: Path, trick: str) -> None:
    data, code = HOSTILE[trick]
    path = tmp_path / "set.zip"
    path.write_bytes(data)
    with pytest.raises(ArchiveRefused) as refused:
        archive_open(path, "set.zip")
    assert refused.value.code == code
    assert str(refused.value).endswith(".")
    assert "set.zip" in str(refused.value)


def test_too_many_files_are_refused_by_the_count_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_MEMBERS", 3)
    path = tmp_path / "set.zip"
    path.write_bytes(zipped({f"cat/{n}.jpg": b"x" for n in range(4)}))
    monkeypatch.setattr(zipfile.ZipFile, "__init__", lambda *_: pytest.fail("the directory was read"))
    with pytest.raises(ArchiveRefused, match="too many files"):
        archive_open(path, "set.zip")


def test_a_damaged_member_costs_only_itself(tmp_path: Path) -> None:
    data = zipped({"cat/a.jpg": made.jpeg(1), "cat/b.jpg": made.jpeg(2)})
    at = data.find(made.jpeg(1)[-200:])
    path = tmp_path / "set.zip"
    path.write_bytes(data[:at] + bytes(50) + data[at + 50 :])
    archive = archive_open(path, "set.zip")
    for name in ("cat/a.jpg", "cat/b.jpg"):
        member_extract(archive, archive.getinfo(name), tmp_path / name.replace("/", "-"))
    assert (tmp_path / "cat-b.jpg").read_bytes() == made.jpeg(2)


def test_an_image_folder_of_any_tool_is_understood(tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    files = {
        "pets/train/cat/1.jpg": b"a",
        "pets/valid/dog/2.PNG": b"b",
        "owl/3.jpeg": b"c",
        "__MACOSX/pets/train/cat/._1.jpg": b"d",
        "pets/train/cat/.DS_Store": b"e",
        "pets/readme.txt": b"f",
        "manifest.json": json.dumps({"format": "another", "images": 3}).encode(),
    }
    path.write_bytes(zipped(files))
    pictures, classes = archive_pictures(archive_open(path, "set.zip"), "set.zip")
    assert {(each.name, each.label, each.split) for each in pictures} == {
        ("1.jpg", "cat", "train"),
        ("2.PNG", "dog", "validation"),
        ("3.jpeg", "owl", ""),
    }
    assert classes == ["cat", "dog", "owl"]


@pytest.mark.parametrize("files", [{"a.jpg": b"x"}, {"cat/notes.txt": b"x"}])
def test_a_zip_without_classes_or_pictures_says_what_to_do(tmp_path: Path, files: dict[str, bytes]) -> None:
    path = tmp_path / "set.zip"
    path.write_bytes(zipped(files))
    with pytest.raises(ArchiveRefused, match="folder"):
        archive_pictures(archive_open(path, "set.zip"), "set.zip")


def test_exported_paths_are_safe_and_unique_on_every_system() -> None:
    names = ["a.jpg", "A.png", "a.jpg", "../../x.jpg", "CON:.jpg", "é?.jpg"]
    images = [{**listed(n, label), "name": name} for n, (name, label) in enumerate(zip(names, "ab" * 3, strict=True))]
    labels = {"a": "../cat", "b": "..\\CAT"}
    placed = export_paths([{**image, "label": labels[image["label"]]} for image in images], list(labels.values()))  # type: ignore[typeddict-item]
    paths = [path for path, _ in placed]
    assert len({path.casefold() for path in paths}) == len(names)
    assert all(path.count("/") == 2 and ".." not in path and "\\" not in path for path in paths)
    assert paths == sorted(paths)
