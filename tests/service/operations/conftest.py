"""The world of the jobs' tests, for what is the same over all operations."""

from tests.service.jobs.conftest import world

__all__ = ["world"]
