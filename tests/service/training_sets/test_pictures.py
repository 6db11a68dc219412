"""Untrusted pictures: what becomes of good, odd and hostile ones."""

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from axons_service.training_sets import picture_worker, pictures
from axons_service.training_sets.pictures import WALL_SECONDS, Outcome, Picture, PictureWorkers
from tests.service.training_sets import pictures_made as made


def pictures_convert(asked: list[Picture], *, wall_seconds: float = WALL_SECONDS) -> list[Outcome]:
    """One after the other, in one worker."""
    with PictureWorkers(1, wall_seconds=wall_seconds) as workers:
        return [workers.convert(picture) for picture in asked]


def convert(folder: Path, *files: tuple[str, bytes], keep: bool = False) -> list[Outcome]:
    asked = []
    for number, (name, data) in enumerate(files):
        source = folder / f"{number}.in"
        source.write_bytes(data)
        asked.append(Picture(name=name, source=source, target=folder / f"{number}.jpg", keep=keep))
    return pictures_convert(asked)


HOSTILE = [
    ("notes.jpg", b"dear diary, this is no picture\n", "not_a_picture", "notes.jpg is not a picture: it holds text."),
    ("noise.jpg", bytes(range(256)) * 9, "not_a_picture", "noise.jpg is not a picture that can be read."),
    ("empty.jpg", b"", "not_a_picture", "empty.jpg is not a picture"),
    ("cut.jpg", made.jpeg()[:-400], "truncated", "cut.jpg is incomplete: the end of the file is missing."),
    ("cut.png", made.encoded(made.photo(), "PNG")[:-900], "truncated", "cut.png is incomplete"),
    ("wall.png", made.huge_png(30_000, 30_000), "too_many_pixels", "wall.png is too large: 30,000 by 30,000 pixels."),
    (
        "dot.png",
        made.encoded(made.photo(size=(16, 200)), "PNG"),
        "too_small",
        "dot.png is too small: 16 by 200 pixels.",
    ),
    ("party.png", made.animation("PNG"), "animated", "party.png is an animation."),
    ("party.webp", made.animation("WEBP"), "animated", "party.webp is an animation."),
    ("party.gif", made.animation("GIF"), "unsupported_format", "party.gif is a GIF file."),
    ("scan.jpg", made.encoded(made.photo(), "TIFF"), "unsupported_format", "scan.jpg is a TIFF file."),
    ("page.jpg", b"%PDF-1.7 ...", "unsupported_format", "page.jpg is a PDF file."),
    ("logo.svg", b'<svg xmlns="http://www.w3.org/2000/svg"/>', "unsupported_format", "logo.svg is an SVG drawing."),
    ("phone.heic", b"\0\0\0\x18ftypheic" + b"\0" * 40, "unsupported_format", "phone.heic is a HEIC picture."),
    ("script.jpg", b"%!PS\n(%pipe%id) (r) file", "unsupported_format", "script.jpg is a PostScript file."),
]


@pytest.mark.parametrize(("name", "data", "code", "sentence"), HOSTILE, ids=[each[0] for each in HOSTILE])
def test_a_picture_that_cannot_be_used_gets_a_sentence_with_its_name(
    tmp_path: Path, name: str, data: bytes, code: str, sentence: str
) -> None:
    [outcome] = convert(tmp_path, (name, data))
    assert outcome.code == code
    assert outcome.reason.startswith(sentence)
    assert outcome.reason.endswith(".")
    assert not (tmp_path / "0.jpg").exists()


def test_one_bad_picture_does_not_cost_the_others(tmp_path: Path) -> None:
    outcomes = convert(tmp_path, ("a.jpg", made.jpeg(1)), ("b.jpg", b"text"), ("c.jpg", made.jpeg(2)))
    assert [outcome.accepted for outcome in outcomes] == [True, False, True]


@pytest.mark.parametrize("mode", ["L", "P", "CMYK", "RGBA", "LA", "I;16", "1"])
def test_every_kind_of_picture_becomes_a_plain_rgb_jpeg(tmp_path: Path, mode: str) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    image = made.photo(mode="RGB")
    image = (
        image.convert("L").convert("I").point(lambda value: value * 256).convert("I;16")
        if mode == "I;16"
        else image.convert(mode)
    )
    [outcome] = convert(tmp_path, ("odd", made.encoded(image, kind)))
    assert outcome.accepted, outcome.reason
    with Image.open(tmp_path / "0.jpg") as result:
        assert (result.format, result.mode, result.size) == ("JPEG", "RGB", (64, 48))
        assert result.size == (outcome.width, outcome.height)


def test_sixteen_bit_greys_keep_their_brightness(tmp_path: Path) -> None:
    grey = Image.new("I;16", (64, 64), 0x8000)
    convert(tmp_path, ("scan.png", made.encoded(grey, "PNG")))
    with Image.open(tmp_path / "0.jpg") as result:
        assert all(abs(value - 128) <= 2 for value in result.getpixel((30, 30)))  # type: ignore[union-attr]


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    convert(tmp_path, ("ghost.png", made.encoded(Image.new("RGBA", (64, 64), (255, 0, 0, 0)), "PNG")))
    with Image.open(tmp_path / "0.jpg") as result:
        assert result.getpixel((30, 30)) == (255, 255, 255)


def test_a_phone_picture_is_turned_upright_and_loses_its_metadata(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by a quarter
    exif[0x010E] = "taken at home"
    [outcome] = convert(tmp_path, ("phone.jpg", made.jpeg(exif=exif)))
    assert (outcome.width, outcome.height) == (48, 64)
    assert b"taken at home" not in (tmp_path / "0.jpg").read_bytes()
    with Image.open(tmp_path / "0.jpg") as result:
        assert not dict(result.getexif())
        assert "icc_profile" not in result.info


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    [outcome] = convert(tmp_path, ("big.jpg", made.encoded(made.photo(size=(3000, 1500)))))
    assert (outcome.width, outcome.height) == (512, 256)


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    convert(tmp_path, ("a.jpg", made.jpeg()), ("b.jpg", made.jpeg()))
    assert (tmp_path / "0.jpg").read_bytes() == (tmp_path / "1.jpg").read_bytes()


def test_a_library_picture_that_is_plain_already_is_kept_byte_for_byte(tmp_path: Path) -> None:
    data = made.jpeg()
    convert(tmp_path, ("plain.jpg", data), keep=True)
    assert (tmp_path / "0.jpg").read_bytes() == data


def worker(folder: Path, body: str) -> Path:
    """A worker that misbehaves with pictures called `bad`, and does its work with others."""
    path = folder / "worker.py"
    load = (
        "import importlib.util, os, time\n"
        f"spec = importlib.util.spec_from_file_location('w', {picture_worker.__file__!r})\n"
        "w = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(w)\nreal = w.answer\n"
    )
    path.write_text(f"{load}{body}\nw.main()\n")
    return path


@pytest.mark.parametrize(
    "body",
    [
        "w.answer = lambda r: time.sleep(60) if r['name'] == 'bad' else real(r)",
        "w.answer = lambda r: os.kill(os.getpid(), 9) if r['name'] == 'bad' else real(r)",
        "w.answer = lambda r: os.abort() if r['name'] == 'bad' else real(r)",
        "w.answer = lambda r: bytearray(1 << 40) if r['name'] == 'bad' else real(r)",
    ],
    ids=["stalls", "is killed", "crashes", "asks for a terabyte"],
)
def test_a_picture_that_takes_its_worker_down_costs_itself_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr(pictures, "WORKER", worker(tmp_path, body))
    asked = []
    for name in ("one", "bad", "two"):
        (tmp_path / f"{name}.in").write_bytes(made.jpeg())
        asked.append(Picture(name=name, source=tmp_path / f"{name}.in", target=tmp_path / f"{name}.jpg"))
    outcomes = pictures_convert(asked, wall_seconds=3)
    assert [outcome.accepted for outcome in outcomes] == [True, False, True]
    assert outcomes[1].reason == "bad could not be opened within the limits of time and memory."


@pytest.mark.skipif(sys.platform != "linux", reason="other platforms may refuse RLIMIT_AS; the wall timeout is theirs")
def test_the_worker_cannot_take_more_memory_than_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = "w.answer = lambda r: {'ok': False, 'code': 'x', 'reason': 'took ' + str(len(bytearray(2 << 30)))}"
    monkeypatch.setattr(pictures, "WORKER", worker(tmp_path, body))
    [outcome] = convert(tmp_path, ("bad", made.jpeg()))
    assert outcome.code == "too_heavy"


def test_the_worker_inherits_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXONS_S3_SECRET_KEY", "secret")
    body = "w.answer = lambda r: {'ok': False, 'code': 'x', 'reason': ' '.join(os.environ)}"
    monkeypatch.setattr(pictures, "WORKER", worker(tmp_path, body))
    [outcome] = convert(tmp_path, ("a", made.jpeg()))
    assert "AXONS" not in outcome.reason


def test_a_thumbnail_is_small_and_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be shown turned by a quarter
    (tmp_path / "in").write_bytes(made.encoded(made.photo(size=(400, 200)), exif=exif))
    picture = Picture("a.jpg", tmp_path / "in", tmp_path / "out", tmp_path / "thumb")
    with pictures.PictureWorkers(1) as workers:
        outcome = workers.convert(picture)
    assert (outcome.width, outcome.height, len(outcome.dhash)) == (200, 400, 32)
    with Image.open(tmp_path / "thumb") as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (80, 160))


def test_many_threads_share_few_workers_and_a_killed_one_costs_one_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = []
    for number in range(12):
        source = tmp_path / f"{number}.in"
        source.write_bytes(made.jpeg(number))
        files.append(Picture(f"{number}.jpg", source, tmp_path / f"{number}.jpg"))
    ask = pictures._Worker._ask

    def killed(worker: "pictures._Worker", picture: Picture, seconds: float) -> object:
        if picture.name == "5.jpg":
            worker.process.kill()
            worker.process.wait()
        return ask(worker, picture, seconds)

    monkeypatch.setattr(pictures._Worker, "_ask", killed)
    with pictures.PictureWorkers(2) as workers, ThreadPoolExecutor(6) as pool:
        outcomes = list(pool.map(workers.convert, files))
        assert len(workers._started) <= 2
    assert [each.picture.name for each in outcomes if not each.accepted] == ["5.jpg"]
    assert outcomes[5].code == "too_heavy"


def test_a_worker_is_replaced_before_its_life_reaches_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert pictures.RETIRE_SECONDS + pictures.WALL_SECONDS < picture_worker.LIMIT_CPU_SECONDS
    monkeypatch.setattr(pictures, "RETIRE_SECONDS", 0.0)
    (tmp_path / "in").write_bytes(made.jpeg(1))
    with pictures.PictureWorkers(1) as workers:
        for number in range(3):
            assert workers.convert(Picture("a.jpg", tmp_path / "in", tmp_path / f"{number}")).accepted
        assert workers._started == set()
