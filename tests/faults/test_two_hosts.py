"""Service and runners on different hosts: the cable is cut for a minute, then it is a bad line; jobs finish, once."""

import re

import pytest

from tests.faults.chaos import two_hosts
from tests.faults.chaos.hosts import two_hosts as laid_out
from tests.faults.chaos.hosts import within
from tests.faults.test_chaos import module_run

pytestmark = [
    pytest.mark.slow,
    pytest.mark.needs_netns,
    pytest.mark.needs_postgres,
    pytest.mark.needs_rabbitmq,
    pytest.mark.needs_s3,
    pytest.mark.timeout(900),
]


def test_a_cut_and_a_bad_line_between_the_hosts_lose_nothing_and_do_nothing_twice() -> None:
    with laid_out() as hosts:
        code, output = module_run(
            "tests.faults.chaos.two_hosts", "--peer", hosts.runner, "--seed", "1", prefix=within(hosts.service)
        )
    lines = output.splitlines()
    for line in (
        f"submitted {two_hosts.JOBS}",
        "lost 0",
        "duplicated effects 0",
        "stale writes accepted 0",
        "failed jobs 0",
    ):
        assert line in lines
    assert any(line.startswith("orphans 0 ") for line in lines)
    assert "runners on the service's host 0" in lines
    cut = re.search(r"^cable out for 60 s under (\d+) running jobs, .*; connections meanwhile 0$", output, re.MULTILINE)
    assert cut is not None
    assert int(cut[1]) >= 5
    rejected = re.search(r"^stale writes rejected (\d+)$", output, re.MULTILINE)
    assert rejected is not None
    assert int(rejected[1]) >= 1  # the runners came back believing that they held their jobs
    bad = re.search(r"^connections over the bad line (\d+), reset (\d+)$", output, re.MULTILINE)
    assert bad is not None
    assert int(bad[1]) >= 100
    assert int(bad[2]) >= 1
    assert code == 0
