"""Zips and names from strangers: each file of them is read or has its sentence, and nothing costs more than it may."""

from __future__ import annotations

import csv
import io
import stat
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import pytest

from axons_runner import batch_input
from axons_runner.batch_input import Found, Zip, plain
from axons_runner.batch_table import MASKS, TABLE, BatchTable, safe_cell
from axons_runner.errors import InvalidInput
from axons_runner.pictures import MAX_BYTES

MIB = 1 << 20


def zipped(folder: Path, *files: tuple[str | zipfile.ZipInfo, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    path = folder / "in.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return path


def found(path: Path, most: int = 500) -> list[Found]:
    return list(Zip(path, "holiday.zip", most))


def reason(path: Path) -> str:
    (one,) = found(path)
    assert one.data == b""
    assert one.reason.startswith(f"“{one.name}”")
    assert one.reason.endswith(".")
    return one.reason


def named(name: str, **values: Any) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo("x")
    info.filename = info.orig_filename = name
    for key, value in values.items():
        setattr(info, key, value)
    return info


def test_pictures_come_in_the_order_of_the_zip_without_litter(tmp_path: Path) -> None:
    path = zipped(
        tmp_path, ("b/2.jpg", b"two"), ("a.jpg", b"one"), ("b/", b""), (".DS_Store", b"x"), ("__MACOSX/._a.jpg", b"x"),
        ("b/Thumbs.db", b"x"), ("desktop.ini", b"x"), ("b/.hidden.jpg", b"x"),
    )  # fmt: skip
    assert found(path) == [Found("b/2.jpg", b"two"), Found("a.jpg", b"one")]


@pytest.mark.parametrize("name", ["../up.jpg", "a/../../up.jpg", "/etc/passwd", "C:/a.jpg", "a\\..\\b.jpg"])
def test_a_name_that_points_out_of_the_zip_is_not_opened(name: str, tmp_path: Path) -> None:
    assert "points out of the zip" in reason(zipped(tmp_path, (named(name), b"x")))


@pytest.mark.parametrize("name", ["more.zip", "deep/more.TGZ", "old.rar"])
def test_an_archive_in_the_zip_is_not_opened(name: str, tmp_path: Path) -> None:
    assert "archive inside the zip" in reason(zipped(tmp_path, (name, b"PK\x03\x04")))


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    link = named("a.jpg", external_attr=(stat.S_IFLNK | 0o777) << 16, create_system=3)
    assert "is a link or a device" in reason(zipped(tmp_path, (link, b"/etc/passwd")))


def test_an_encrypted_file_says_how_to_help(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("a.jpg", b"secret"))
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(data)
    assert "without a password" in reason(path)


def test_another_compression_is_named(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("a.jpg", b"x" * 100), compression=zipfile.ZIP_BZIP2)
    assert "compressed in a way" in reason(path)


def test_a_bomb_costs_a_sentence_and_no_memory(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("bomb.png", bytes(300 * MIB)))
    tracemalloc.start()
    said = reason(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "is larger than 20 MiB" in said
    assert peak < 4 * MIB


def test_a_bomb_that_lies_about_its_length_is_read_no_further_than_a_picture(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("bomb.png", bytes(300 * MIB)))
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        struct.pack_into("<L", data, data.index(mark) + offset, 1000)
    path.write_bytes(data)
    tracemalloc.start()
    said = reason(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "is damaged in the zip" in said
    assert peak < MAX_BYTES + 4 * MIB


def test_many_bombs_end_at_the_limit_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_input, "MAX_UNPACKED_BYTES", 3 * MIB)
    path = zipped(tmp_path, *((f"{number}.png", bytes(2 * MIB)) for number in range(4)))
    assert [bool(each.data) for each in found(path)] == [True, True, False, False]
    assert "the zip unpacks to more than" in found(path)[3].reason


def test_files_that_share_bytes_or_lie_about_their_names_are_damaged(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("a.jpg", b"one"), ("b.jpg", b"two"))
    data = bytearray(path.read_bytes())
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    struct.pack_into("<L", data, second + 42, 0)  # both at the place of the first
    path.write_bytes(data)
    assert "damaged" in found(path)[1].reason


def test_a_file_with_a_wrong_checksum_is_damaged_and_the_next_one_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("a.jpg", b"one"), ("b.jpg", b"two"), compression=zipfile.ZIP_STORED)
    path.write_bytes(path.read_bytes().replace(b"one", b"eno"))
    first, second = found(path)
    assert "is damaged in the zip" in first.reason
    assert second == Found("b.jpg", b"two")


def test_of_two_files_of_one_name_the_first_counts(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = zipped(tmp_path, ("a.jpg", b"one"), ("a.jpg", b"two"))
    first, second = found(path)
    assert first.data == b"one"
    assert "is in the zip twice" in second.reason


def test_control_and_direction_characters_of_names_are_left_out() -> None:
    assert plain("a\u202egpj.exe\n\0") == "agpj.exe"
    assert plain("\x01\x02") == "unnamed"
    assert len(plain("x" * 5000)) == 200


def test_what_is_no_zip_is_refused_whole(tmp_path: Path) -> None:
    path = tmp_path / "in.zip"
    for content in (b"", b"Dear teacher", b"PK\x05\x06" + bytes(18), b"PK\x05\x06\xff" + bytes(17)):
        path.write_bytes(content)
        with pytest.raises(InvalidInput, match=r"“holiday\.zip”") as refused:
            found(path)
        assert refused.value.message.endswith(".")


def test_a_directory_that_is_too_long_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "in.zip"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65_000, 65_000, 200 * MIB, 0, 0)
    path.write_bytes(bytes(1000) + end)
    with pytest.raises(InvalidInput, match="holds 65,000 files; at most 500"):
        found(path)


def test_a_second_end_of_the_form_for_huge_files_is_not_believed(tmp_path: Path) -> None:
    path = zipped(tmp_path, ("a.jpg", b"one"))
    data = path.read_bytes()
    at = data.index(b"PK\x05\x06")
    huge = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 10**7, 10**7, 2**40, 0)
    path.write_bytes(data[:at] + huge + struct.pack("<4sLQL", b"PK\x06\x07", 0, at, 1) + data[at:])
    with pytest.raises(InvalidInput, match="form for huge files"):
        found(path)


def test_a_zip_of_too_many_or_no_files_is_refused_whole(tmp_path: Path) -> None:
    path = zipped(tmp_path, *((f"{number}.jpg", b"x") for number in range(3)))
    with pytest.raises(InvalidInput, match="holds 3 files; at most 2 can be looked at"):
        found(path, most=2)
    with pytest.raises(InvalidInput, match="holds no pictures"):
        found(zipped(tmp_path, ("folder/", b"")))


@pytest.mark.parametrize(
    "text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "  =1", "\uff1dx", '=HYPERLINK("http://evil.example")']
)
def test_no_cell_is_run_as_a_formula(text: str) -> None:
    assert safe_cell(text) == f"'{text}"
    assert safe_cell("a=1; b") == "a=1; b"
    assert safe_cell(f"x;{text}") == f"x;'{text}", "a cell ends at a semicolon in many countries"


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_a_table_has_a_line_for_each_picture_and_escapes_what_strangers_named(tmp_path: Path) -> None:
    with BatchTable(tmp_path, ["cat", '=cmd|"x"'], masks=False) as table:
        table.add('=1,"2".jpg', [0.25, 0.75])
        table.refuse("-notes.txt", "“-notes.txt” is not a picture we can read.")
        table.add("b.jpg", [0.75, 0.25])
    assert rows(table.paths[TABLE]) == [
        ["file", "class", "probability of cat", 'probability of =cmd|"x"', "not read because"],
        ['\'=1,"2".jpg', '\'=cmd|"x"', "0.250000", "0.750000", ""],
        ["'-notes.txt", "", "", "", "“-notes.txt” is not a picture we can read."],
        ["b.jpg", "cat", "0.750000", "0.250000", ""],
    ]
    assert table.counts() == {"pictures": 3, "predicted": 2, "refused": 1, "classes": {'=cmd|"x"': 1, "cat": 1}}


@pytest.mark.parametrize(
    "shares", [[float("nan"), 1.0], [float("inf"), 0.0], [0.4, 0.4], [1.5, -0.5], [1.0], [0.2, 0.2, 0.6]]
)
def test_what_are_no_shares_of_classes_is_not_stored(shares: list[float], tmp_path: Path) -> None:
    with BatchTable(tmp_path, ["cat", "dog"], masks=False) as table, pytest.raises(InvalidInput, match=r"“a\.jpg”"):
        table.add("a.jpg", shares)
    assert table.counts()["predicted"] == 0


def test_masks_lie_beside_the_table_under_names_of_ours(tmp_path: Path) -> None:
    with BatchTable(tmp_path, ["background", "cat"], masks=True) as table:
        table.refuse("a.txt", "no")
        table.add("../=up.jpg", [0.5, 0.5], b"png")
        table.add("é.jpg", [0.5, 0.5], b"png")
    with zipfile.ZipFile(table.paths[MASKS]) as archive:
        assert archive.namelist() == ["0002-_up.png", "0003-_.png"]
    head, refused, first, _ = rows(table.paths[TABLE])
    assert head == ["file", "class", "area of background", "area of cat", "mask", "not read because"]
    assert refused == ["a.txt", "", "", "", "", "no"]
    assert first == ["../=up.jpg", "background", "0.500000", "0.500000", "0002-_up.png", ""]
