"""The companion service of Axons: takes the XBlock's requests, dispatches jobs to runners, keeps the artifacts."""

from axons_service.celery import app as celery_app

__all__ = ["celery_app"]
__version__ = "0.1.0"
