"""An LMS always has Django and a cache; so have these tests, and no database."""

from __future__ import annotations

import os
from collections.abc import Iterator

import django
import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.test import override_settings

from tests.xblock.support import TrainingService

if not os.environ.get("DJANGO_SETTINGS_MODULE") and not django_settings.configured:
    django_settings.configure(USE_TZ=True)
    django.setup()


@pytest.fixture(autouse=True)
def _lms_cache() -> Iterator[None]:
    memory = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "xblock-tests"}}
    with override_settings(CACHES=memory):
        cache.clear()
        yield
        cache.clear()


@pytest.fixture
def service() -> Iterator[TrainingService]:
    """A training service on a port of its own."""
    running = TrainingService()
    running.start()
    yield running
    running.stop()
