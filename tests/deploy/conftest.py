"""Where the real tools are that read deploy/: `make deploy-tools` installs them."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".deploy-tools/bin"


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with tutor, hadolint and a Python that has compose_spec and promql_parser."""
    if not (TOOLS / "tutor").exists():
        sentence = "the tools of deploy/ are not installed: run make deploy-tools"
        if os.environ.get("AXONS_REQUIRE_SERVICES") == "1":
            pytest.fail(f"{sentence} (AXONS_REQUIRE_SERVICES=1)", pytrace=False)
        pytest.skip(sentence)
    return TOOLS
