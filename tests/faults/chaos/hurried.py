"""Test only: how long the service leaves a cloud alone, shortened as the chaos test's settings shorten everything else.

A pause that is a minute in a lesson would be all of a short run. What is done after the pause is the shipped code.
"""

from __future__ import annotations

from datetime import timedelta


def hurry() -> None:
    """Set the pauses of `compute` and the patience of its OVHcloud client, in this process."""
    from axons_service.compute import faults, fleet, rounds, starts
    from axons_service.compute.providers import ovh

    ovh.TIMEOUT_SECONDS = (1.0, 4.0)
    starts.START_PATIENCE = timedelta(seconds=12)  # longer than both calls of a start may take
    faults.NO_CAPACITY_PAUSE = timedelta(seconds=3)
    rounds.ROUND_PATIENCE = timedelta(seconds=12)  # its worker may be killed
    fleet.UNKNOWN_GRACE = timedelta(seconds=3)
    fleet.STOP_GRACE = timedelta(seconds=5)
    fleet.CRASH_WINDOW = timedelta(seconds=10)
