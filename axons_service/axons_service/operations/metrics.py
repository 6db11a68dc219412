"""`GET /metrics` for Prometheus: what an operator wants to be woken for. Every figure is one indexed query."""

import hmac
import logging
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from threading import Lock
from typing import Generic, TypeVar

from django.conf import settings
from django.db.models import Count, Min
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from axons_service.grading.dead_grades import dead_grades
from axons_service.grading.models import GradeDelivery
from axons_service.jobs.models import Attempt, Job
from axons_service.jobs.states import LIVE, WAITING
from axons_service.operations.dead_letters import dead_letters_count, queue_depths
from axons_service.operations.pool_metrics import pool_metrics
from axons_service.operations.problems import Problem, problem_response
from axons_service.sites.authentication import bearer

BROKER_FRESH_SECONDS = 10.0

logger = logging.getLogger(__name__)
Answer = TypeVar("Answer")


class ServiceCollector(Collector):
    """The service's figures as they are at the scrape, the same from every web process."""

    def collect(self) -> Iterator[Metric]:
        yield _dead_letters()
        yield _jobs()
        yield CounterMetricFamily(
            "axons_lease_expiries", "Attempts whose runner fell silent.", Attempt.objects.filter(outcome="lost").count()
        )
        queued = Job.objects.filter(state__in=WAITING).annotate(since=Coalesce("waiting_since", "created_at"))
        yield _age(
            "axons_oldest_queued_age_seconds",
            "How long the oldest waiting job waits; 0 when none does.",
            queued.aggregate(oldest=Min("since"))["oldest"],
        )
        due = GradeDelivery.objects.filter(state=GradeDelivery.State.DUE)
        yield _age(
            "axons_grade_delivery_lag_seconds",
            "How long the oldest grade waits for the LMS; 0 when none does.",
            due.aggregate(oldest=Min("created_at"))["oldest"],
        )
        yield _queues()
        yield from pool_metrics()


def _dead_letters() -> Metric:
    """Of tasks and of grades; without the tasks' figure while the broker does not answer."""
    family = GaugeMetricFamily("axons_dead_letters", "What could not be delivered. Alert above 0.", labels=["kind"])
    family.add_metric(["grade"], dead_grades().count())
    if (tasks := _task_letters()) is not None:
        family.add_metric(["task"], tasks)
    return family


def _queues() -> Metric:
    """Nothing while the broker does not answer."""
    family = GaugeMetricFamily("axons_queue_messages", "Control tasks that no worker took yet.", labels=["queue"])
    for name, count in (_queue_depths() or {}).items():
        family.add_metric([name], count)
    return family


def _jobs() -> Metric:
    """By live state: the ended ones grow without end and would be counted at every scrape."""
    family = GaugeMetricFamily("axons_jobs", "Jobs by state that have not ended.", labels=["state"])
    rows = Job.objects.filter(state__in=LIVE).order_by().values_list("state").annotate(count=Count("pk"))
    counts: dict[str, int] = dict(rows)
    for state in sorted(LIVE):
        family.add_metric([state], counts.get(state, 0))
    return family


def _age(name: str, text: str, oldest: datetime | None) -> Metric:
    seconds = 0.0 if oldest is None else max(0.0, (timezone.now() - oldest).total_seconds())
    return GaugeMetricFamily(name, text, seconds)


class _Remembered(Generic[Answer]):
    """The answer of a slow call for a while, and None for as long after it failed."""

    def __init__(self, call: Callable[[], Answer]) -> None:
        self.call = call
        self.lock = Lock()
        self.asked_at = float("-inf")
        self.answer: Answer | None = None

    def __call__(self) -> Answer | None:
        with self.lock:
            if time.monotonic() - self.asked_at > BROKER_FRESH_SECONDS:
                try:
                    self.answer = self.call()
                except Exception:
                    logger.warning("The broker did not tell what waits in it.", exc_info=True)
                    self.answer = None
                self.asked_at = time.monotonic()
            return self.answer


_task_letters = _Remembered(dead_letters_count)
_queue_depths = _Remembered(queue_depths)
registry = CollectorRegistry(auto_describe=False)
registry.register(ServiceCollector())


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The figures, for the bearer of AXONS_METRICS_TOKEN; 404 where the operator set none."""
    expected = settings.AXONS_METRICS_TOKEN
    if not expected:
        raise Http404
    token = bearer(request.headers.get("Authorization", "")) or ""
    if not hmac.compare_digest(token.encode(), expected.encode()):
        return problem_response(Problem(401, "metrics_token", "Send the metrics token of this service as a bearer."))
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)
