"""Where the real tools are that read deploy/: `make deploy-tools` installs them."""

from pathlib import Path

import pytest

from tests.support import servers

ROOT = servers.ROOT


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tools" in getattr(item, "fixturenames", ()) and item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.needs_deploy_tools)


@pytest.fixture(scope="session")
def tools() -> Path:
    """The folder with tutor, hadolint and a Python that has compose_spec and promql_parser."""
    return Path(str(servers.deploy_tools()))
