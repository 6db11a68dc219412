"""A deployment restarts web, worker, beat and every runner under at least twenty running jobs, and nothing is lost."""

import re

import pytest

from axons_service.jobs import history
from tests.faults.chaos import rolling
from tests.faults.test_chaos import module_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_postgres,
    pytest.mark.needs_rabbitmq,
    pytest.mark.needs_s3,
    pytest.mark.timeout(1500),
]


def test_what_learners_are_not_shown_is_what_the_service_hides() -> None:
    assert rolling.STAFF_KINDS == history.STAFF_KINDS


def test_everything_is_restarted_under_twenty_jobs_and_nothing_is_lost() -> None:
    code, output = module_run("tests.faults.chaos.rolling", "--seed", "1")
    lines = output.splitlines()
    running = [int(count) for count in re.findall(r"^restarted .* under (\d+) running jobs$", output, re.MULTILINE)]
    assert len(running) == 7
    assert min(running) >= 20
    for line in ("lost 0", "duplicated effects 0", "failed jobs 0", "lost events 0"):
        assert line in lines
    assert code == 0
