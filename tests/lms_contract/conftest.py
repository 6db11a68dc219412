"""The LMS that the tests of the XBlock stand on."""

from tests.xblock.conftest import _lms_cache, service

__all__ = ["_lms_cache", "service"]
