"""Settings of one machine without servers: SQLite, Valkey as the broker, SeaweedFS as the S3 server (`make demo`)."""

from pathlib import Path

from axons_service.settings.base import *  # noqa: F403
from axons_service.settings.base import AXONS_DATA_DIR

CELERY_BROKER_TRANSPORT_OPTIONS = {"visibility_timeout": 60}

# The admin's files come straight from the packages: nobody runs collectstatic on a laptop.
WHITENOISE_USE_FINDERS = True
if AXONS_DATA_DIR:
    STATIC_ROOT = str(Path(AXONS_DATA_DIR) / "static")
    Path(STATIC_ROOT).mkdir(parents=True, exist_ok=True)
