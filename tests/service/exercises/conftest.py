"""The world of the jobs' tests, for what educators see of them."""

from tests.service.jobs.conftest import world

__all__ = ["world"]
