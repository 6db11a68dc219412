"""What the runner may import, and what its parent process may not."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import axons_runner
from axons_runner import cli

SOURCE = Path(axons_runner.__file__).parent


def test_it_imports_neither_the_service_nor_the_xblock_nor_the_platform() -> None:
    forbidden = re.compile(r"^\s*(?:from|import) (axons_service|axons_xblock|django|lms|cms|openedx)\b", re.MULTILINE)
    found = {str(path): forbidden.findall(path.read_text()) for path in SOURCE.rglob("*.py")}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_parent_process_imports_no_torch() -> None:
    code = "import sys, axons_runner.agent, axons_runner.cli, axons_runner.pictures; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


def test_nothing_is_unpickled_from_a_file() -> None:
    text = "\n".join(path.read_text() for path in SOURCE.rglob("*.py"))
    # one process hands another its work through a pipe; files are never opened that way
    assert re.findall(r"pickle\.loads?\(([^)]*)\)|pickle\.Unpickler", text) == ["sys.stdin.buffer"]
    assert re.findall(r"torch\.load\((?![^)]*weights_only=True)", text) == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "--service"),
        (["--service", "http://x"], "--pool-token-file"),
        (["--service", "http://x", "--pool-token-file", "/nowhere"], "cannot be read"),
        (["--service", "http://x", "--slots", "training,dreaming"], "--slots takes training and inference"),
    ],
)
def test_a_wrong_command_line_is_a_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AXONS_SERVICE_URL", "AXONS_POOL_TOKEN_FILE", "AXONS_POOL_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit):
        cli.parse(arguments)
    assert sentence in capsys.readouterr().err
