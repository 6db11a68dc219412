"""demo-check: the student's whole path through the XBlock's handlers, over HTTP, with no browser."""

from axons_demo.check.path import run_check

__all__ = ["run_check"]
