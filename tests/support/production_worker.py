"""The service's Celery application under its production settings, with this test run's values for the rest."""

import os

_settings = os.environ["DJANGO_SETTINGS_MODULE"]
import tests.support.service_settings  # noqa: E402, F401  (sets the environment that settings ask for)

os.environ["DJANGO_SETTINGS_MODULE"] = _settings
from axons_service.celery import app  # noqa: E402

__all__ = ["app"]
