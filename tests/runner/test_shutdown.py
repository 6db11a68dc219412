"""What happens to a job that arrives when its runner is already asked to go."""

from pathlib import Path

import pytest

from axons_runner import slots
from axons_runner.settings import Options
from axons_runner.shutdown import Shutdown


def test_a_job_that_arrives_after_sigterm_is_given_back_and_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "Child", lambda *_: pytest.fail("a child was started for a job that cannot be finished"))
    shutdown = Shutdown()
    slot = slots.Slot("training", Options("http://127.0.0.1:1", "token", "lab-1", tmp_path), shutdown)
    shutdown.begin()
    ending = slot._run_child({"job": "1", "attempt": 1}, None, tmp_path)  # type: ignore[arg-type]
    assert ending.outcome == "released"
