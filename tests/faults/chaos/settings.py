"""The service's production settings with everything that waits shortened: lease, reconciler, deliveries.

With AXONS_CHAOS_FENCING=off an app of the tests takes the attempt out of the runner's writes, to show that the chaos
test can fail. No switch for that exists in the shipped code.
"""

import os

from axons_service.settings.production import *  # noqa: F403
from axons_service.settings.production import CELERY_BEAT_SCHEDULE, INSTALLED_APPS

HURRIED = os.environ.get("CHAOS_CLOUD") == "on"
PERIODS = {"reconcile-jobs": 1.0, "scale-pools": 1.5 if HURRIED else 5.0, "deliver-due-grades": 2.0}
CELERY_BEAT_SCHEDULE = {
    name: {**entry, "schedule": PERIODS[name], "options": {**entry.get("options", {}), "expires": PERIODS[name] * 2}}
    if name in PERIODS
    else entry
    for name, entry in CELERY_BEAT_SCHEDULE.items()
}
INSTALLED_APPS = [*INSTALLED_APPS, "tests.faults.chaos.unfenced.ChaosConfig"]
FENCED = os.environ.get("AXONS_CHAOS_FENCING", "on") != "off"
