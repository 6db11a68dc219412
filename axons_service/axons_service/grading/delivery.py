"""The grade outbox: rows with increasing revisions, delivered by signed callbacks until the LMS has them.

A lost answer is repeated: the XBlock ignores a revision that it has. Which score counts: docs/decisions/0003.
"""

import json
import logging
import random
from datetime import timedelta
from typing import Any

import requests
from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from axons_service.exercises.models import Project
from axons_service.exercises.services import callback_allowed
from axons_service.grading import selectors
from axons_service.grading.models import GradeDelivery, Submission
from axons_service.operations.messages import message_publish
from axons_service.sites.tokens import callback_token

TIMEOUT_SECONDS = 10
FIRST_DELAY = 2.0
LONGEST_DELAY = 3600.0
LEASE = timedelta(seconds=45)
PER_SWEEP = 100

logger = logging.getLogger(__name__)


def grade_queue(*, submission: Submission, reason: str) -> GradeDelivery:
    """Queue the learner's grade as it is now, with the project's next revision. Needs the project's row lock."""
    deliveries = GradeDelivery.objects.filter(project=submission.project)
    newest = deliveries.aggregate(newest=Max("revision"))["newest"] or 0
    due = GradeDelivery.State.DUE
    deliveries.filter(state=due).update(state=GradeDelivery.State.SUPERSEDED)
    delivery = GradeDelivery.objects.create(
        project=submission.project,
        submission=submission,
        revision=newest + 1,
        score=selectors.best_score(submission.project) or 0.0,
        reason=reason,
        due_at=timezone.now(),
    )
    _publish(delivery.pk)
    return delivery


def grade_deliver(*, delivery_id: int) -> str:
    """Try to deliver one grade; the state it is in afterwards, `gone` when its learner was erased meanwhile.

    Safe to call twice, also at once.
    """
    delivery = _claim(delivery_id)
    if delivery is None:
        return GradeDelivery.objects.values_list("state", flat=True).filter(pk=delivery_id).first() or "gone"
    url = delivery.project.callback_url
    if not url:
        return _close(delivery, GradeDelivery.State.DEAD, "The LMS gave no address for grades.")
    if not callback_allowed(site=delivery.project.exercise.site, url=url):
        return _close(delivery, GradeDelivery.State.DEAD, "The callback's host is not registered for the site.")
    try:
        status = _post(delivery, url)
    except requests.RequestException as error:
        return _again(delivery, f"No answer: {type(error).__name__}.")
    if 200 <= status < 300:
        return _close(delivery, GradeDelivery.State.DELIVERED, "")
    if 400 <= status < 500 and status not in (408, 425, 429):
        return _close(delivery, GradeDelivery.State.DEAD, f"The LMS refused the grade: HTTP {status}.")
    return _again(delivery, f"The LMS answered HTTP {status}.")


@transaction.atomic
def grade_retry(*, delivery_id: int) -> bool:
    """Deliver a dead or waiting grade now; True when it will be. Only the project's newest revision is worth it."""
    delivery = GradeDelivery.objects.select_related("project").get(pk=delivery_id)
    Project.objects.select_for_update().get(pk=delivery.project_id)
    newest = GradeDelivery.objects.filter(project=delivery.project).aggregate(newest=Max("revision"))["newest"]
    if delivery.revision != newest:
        return False
    open_states = [GradeDelivery.State.DEAD, GradeDelivery.State.DUE]
    waiting = GradeDelivery.objects.filter(pk=delivery_id, state__in=open_states)
    if waiting.update(state=GradeDelivery.State.DUE, due_at=timezone.now(), tries=0) != 1:
        return False
    _publish(delivery_id)
    return True


def due_grades_publish() -> int:
    """Ask workers for every grade that is due: those whose message was lost and those whose backoff is over."""
    due = GradeDelivery.objects.filter(state=GradeDelivery.State.DUE, due_at__lte=timezone.now())
    found = list(due.order_by("due_at").values_list("pk", flat=True)[:PER_SWEEP])
    for delivery_id in found:
        _publish(delivery_id)
    return len(found)


def retry_delay(tries: int) -> float:
    """Seconds until the next try: doubling from 2 s to an hour, with full jitter above half."""
    delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(tries, 20))
    return delay * random.uniform(0.5, 1.0)


def _publish(delivery_id: int) -> None:
    from axons_service.grading.tasks import deliver_grade

    message_publish(deliver_grade, delivery_id)


def _claim(delivery_id: int) -> GradeDelivery | None:
    """Take a due delivery for this call: its `due_at` moves behind the timeout, which only one call can do."""
    now = timezone.now()
    due = GradeDelivery.objects.filter(pk=delivery_id, state=GradeDelivery.State.DUE, due_at__lte=now)
    if due.update(due_at=now + LEASE, tries=F("tries") + 1) != 1:
        return None
    return GradeDelivery.objects.select_related("project__exercise__site").get(pk=delivery_id)


def _post(delivery: GradeDelivery, url: str) -> int:
    project = delivery.project
    body = json.dumps(
        {
            "revision": delivery.revision,
            "score": delivery.score,
            "max_score": 1,
            "learner": project.learner,
            "usage": project.exercise.usage_key,
            "submission": str(delivery.submission_id),
            "reason": delivery.reason,
        }
    ).encode()
    token = callback_token(
        site=project.exercise.site,
        learner=project.learner,
        course=project.exercise.course_key,
        usage=project.exercise.usage_key,
        body=body,
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with requests.Session() as session:
        session.trust_env = False  # no proxy and no .netrc password may see a grade
        with session.post(
            url, data=body, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False, stream=True
        ) as response:
            return response.status_code


def _close(delivery: GradeDelivery, state: GradeDelivery.State, error: str) -> str:
    changes: dict[str, Any] = {"state": state, "last_error": error}
    if state == GradeDelivery.State.DELIVERED:
        changes["delivered_at"] = timezone.now()
    # A revision that was superseded while it was on its way counts as delivered too: the LMS has it.
    open_states = [GradeDelivery.State.DUE]
    if state == GradeDelivery.State.DELIVERED:
        open_states.append(GradeDelivery.State.SUPERSEDED)
    GradeDelivery.objects.filter(pk=delivery.pk, state__in=open_states).update(**changes)
    if state == GradeDelivery.State.DEAD:
        logger.error("grade delivery %s of project %s is dead: %s", delivery.pk, delivery.project_id, error)
    return state


def _again(delivery: GradeDelivery, error: str) -> str:
    due_at = timezone.now() + timedelta(seconds=retry_delay(delivery.tries - 1))
    waiting = GradeDelivery.objects.filter(pk=delivery.pk, state=GradeDelivery.State.DUE)
    waiting.update(due_at=due_at, last_error=error)
    logger.warning("grade delivery %s will be tried again at %s: %s", delivery.pk, due_at.isoformat(), error)
    return GradeDelivery.State.DUE
