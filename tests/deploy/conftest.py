"""Where the real tools are that read deploy/; `make deploy-check` installs them and then skips nothing."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with tutor, hadolint and a Python that has compose_spec and promql_parser."""
    named = os.environ.get("AXONS_DEPLOY_TOOLS", "")
    if not named:
        pytest.skip("the tools of deploy/ are not installed: run make deploy-check")
    return Path(named)
