"""A zip that several slices read is fetched once, lies where nobody else can put one, and goes away."""

import os
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from axons_service.storage import objects
from axons_service.training_sets import kept, prepare
from axons_service.training_sets.models import Upload
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets import sets_made
from tests.service.training_sets.test_archives import zipped


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kept.tempfile, "gettempdir", lambda: str(tmp_path))
    return tmp_path / f"axons-archives-{os.getuid()}"


@pytest.mark.django_db(transaction=True)
@pytest.mark.needs_s3
@pytest.mark.parametrize("good", [True, False])
def test_the_slices_of_a_zip_fetch_it_once_and_leave_nothing(
    store: Any, course: Lms, anna: Caller, folder: Path, monkeypatch: pytest.MonkeyPatch, good: bool
) -> None:
    monkeypatch.setattr(prepare, "SLICE_SECONDS", 0.01)
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    picture = made.jpeg if good else lambda _: b"no picture"
    files = {f"{builders.CLASSES[n % 2]}/{n}.jpg": picture(n) for n in range(70)}
    [upload] = sets_made.uploaded(anna.project(), [("pets.zip", zipped(files))], purpose="archive")
    key = Upload.objects.get(pk=upload).key
    fetched: list[str] = []
    slices: list[Any] = []
    open_stream, sources_open = objects.open_stream, prepare.sources_open
    monkeypatch.setattr(objects, "open_stream", lambda asked: [fetched.append(asked), open_stream(asked)][1])
    monkeypatch.setattr(prepare, "sources_open", lambda *given: [slices.append(given), sources_open(*given)][1])
    asked = anna.post("/training-sets/imports", {"upload": upload}, key="i").json()
    found = sets_made.prepared(asked["id"])
    assert found.state == ("ready" if good else "failed")
    assert len(slices) >= 3
    assert fetched.count(key) == 1
    assert list(folder.iterdir()) == []


def test_what_a_killed_worker_left_goes_after_a_day(folder: Path) -> None:
    old, young = uuid.uuid4(), uuid.uuid4()
    for each in (old, young):
        assert kept.archive_keep(each, 3, lambda path: path.write_bytes(b"zip") == 3) is not None
    os.utime(folder / f"{old}.zip", (time.time() - kept.LIFE_SECONDS - 1,) * 2)
    assert kept.archive_keep(young, 3, lambda _: pytest.fail("it is here")) == folder / f"{young}.zip"
    assert [each.name for each in folder.iterdir()] == [f"{young}.zip"]


def test_a_cut_copy_is_fetched_again_and_a_missing_one_leaves_no_part(folder: Path) -> None:
    upload = uuid.uuid4()
    assert kept.archive_keep(upload, 3, lambda path: path.write_bytes(b"zi") == 2) is not None
    path = kept.archive_keep(upload, 3, lambda path: path.write_bytes(b"zip") == 3)
    assert path is not None
    assert path.read_bytes() == b"zip"
    assert kept.archive_keep(uuid.uuid4(), 3, lambda _: False) is None
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize("trap", ["link", "open to others"])
def test_a_folder_that_somebody_else_prepared_is_refused(folder: Path, tmp_path: Path, trap: str) -> None:
    if trap == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "theirs")
    else:
        folder.mkdir()
        folder.chmod(0o777)
    with pytest.raises(PermissionError, match="not a folder of this process alone"):
        kept.archive_keep(uuid.uuid4(), 3, lambda _: True)
