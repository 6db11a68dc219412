"""Test only: the service without its fence. A runner's write counts for any attempt of its job, living or not."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from django.apps import AppConfig


class ChaosConfig(AppConfig):
    """The chaos test's own app; does nothing unless its settings say so."""

    name = "tests.faults.chaos"
    label = "axons_chaos"

    def ready(self) -> None:
        from django.conf import settings

        from tests.faults.chaos.hurried import hurry

        if not settings.FENCED:
            unfence()
        if settings.HURRIED:
            hurry()


def unfence() -> None:
    """Replace the two functions that compare attempts, wherever they are known by name."""
    from axons_service.jobs import runner_api  # noqa: F401  (imported now, so that it is patched too)
    from axons_service.jobs.models import Attempt, Job
    from axons_service.jobs.services import attempts, finish
    from axons_service.jobs.services.moves import job_lock

    fenced_finish = finish.attempt_finish

    def attempt_hold(*, job_id: Any, number: int) -> Any:
        return job_lock(job_id), Attempt.objects.get(job_id=job_id, number=number)

    def attempt_finish(*, job_id: Any, number: int, outcome: str, **rest: Any) -> Any:
        if outcome != "succeeded":
            return fenced_finish(job_id=job_id, number=number, outcome=outcome, **rest)
        return finish._succeeded(Job.objects.get(pk=job_id), number, rest["files"], rest["result"])

    replace(attempts.attempt_hold, attempt_hold)
    replace(fenced_finish, attempt_finish)


def replace(old: Callable[..., Any], new: Callable[..., Any]) -> None:
    """Put `new` where any module of the service has `old`. Raises LookupError when none has."""
    places = [
        (module, name)
        for module_name, module in list(sys.modules.items())
        if module_name.startswith("axons_service")
        for name, value in list(vars(module).items())
        if value is old
    ]
    if not places:
        raise LookupError(f"{old.__name__} is nowhere in the service: the chaos test's switch must follow it")
    for module, name in places:
        setattr(module, name, new)
