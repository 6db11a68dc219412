"""What the runner logs can be followed with the service's lines."""

import json
import logging

import pytest

from axons_runner import logs

JOB = "0b5cf2a4-8ad5-4a51-9d77-0c1d2e3f4a5b"


def test_a_line_names_its_runner_and_its_job() -> None:
    record = logging.LogRecord("axons_runner.slots", logging.INFO, "x.py", 1, "training: job %s: done", (JOB,), None)
    found = json.loads(logs.JsonFormatter("lab-1").format(record))
    assert (found["job"], found["runner"], found["level"]) == (JOB, "lab-1", "INFO")


def test_a_format_that_does_not_exist_is_refused_with_a_sentence() -> None:
    with pytest.raises(ValueError, match="AXONS_LOG_FORMAT is “xml”; it takes text or json"):
        logs.configure("xml", "lab-1")
