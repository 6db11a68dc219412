"""The page inside a unit's iframe."""

import json
import re
from pathlib import Path

import pytest

from tests.xblock.support import GRADED, TrainingService, call, error, make_block, settings

PACKAGE = Path(__file__).parents[2] / "axons_xblock"
STYLES = sorted((PACKAGE / "frontend" / "src" / "styles").glob("*.css"))
BUILT = PACKAGE / "static"


def test_nothing_is_fixed_to_the_window() -> None:
    assert STYLES
    for path in (*STYLES, BUILT / "axons.css"):
        assert not re.search(r"position:\s*fixed", path.read_text()), path.name
    for path in sorted(BUILT.rglob("*.js")):
        assert "showModal" not in path.read_text(), f"{path.name} opens a modal dialog, which the iframe clips"


def test_the_loader_takes_an_element_of_the_lms_and_of_studio() -> None:
    loader = (BUILT / "axons.js").read_text()
    assert re.search(r"\.jquery\s*\?\s*\w+\[0\]\s*:\s*\w+", loader)
    mounted = "".join(path.read_text() for path in (BUILT / "chunks").glob("*.js"))
    assert ".jquery" in mounted


def test_no_handler_takes_a_file(service: TrainingService) -> None:
    block = make_block(spec=GRADED, xblock_settings=settings(service.url))
    service.answer("POST", "/api/v1/uploads", {"uploads": [], "rejected": []}, status=201)

    files = [{"name": "cat.jpg", "bytes": 5, "content_type": "image/jpeg"}]
    assert call(block, "uploads", {"files": files, "purpose": "training_set"}).status_code == 200
    assert json.dumps(service.received[-1].body["files"]) == json.dumps(files)  # sizes and names, never contents

    multipart = call(block, "uploads", {}, **{"Content-Type": "multipart/form-data; boundary=x"})
    assert error(multipart) == (415, "unsupported_media_type")


@pytest.mark.parametrize("path", ["/projects/p-1/stream", "/projects/p-1/stream/"])
def test_the_lms_waits_for_no_stream(service: TrainingService, path: str) -> None:
    block = make_block(spec=GRADED, xblock_settings=settings(service.url), project="p-1")

    assert error(call(block, "read", {"path": path})) == (404, "not_found")
    assert service.received == []


def test_studios_editor_offers_no_download() -> None:
    editor = sorted((PACKAGE / "frontend" / "src" / "studio").glob("*.tsx"))
    assert editor
    for path in editor:
        assert not re.search(r"download|core/save|core/csv|target=", path.read_text(encoding="utf-8")), path.name
