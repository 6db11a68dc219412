"""Health, for load balancers and orchestrators: no credentials, no details."""

import logging

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from axons_service.storage import objects

logger = logging.getLogger(__name__)


@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """The process answers."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Database and object store answer too; 503 names the part that does not."""
    checks = {"database": _database_answers(), "object_store": objects.bucket_answers()}
    healthy = all(checks.values())
    names = {name: "ok" if answers else "no answer" for name, answers in checks.items()}
    return JsonResponse({"status": "ok" if healthy else "unavailable", **names}, status=200 if healthy else 503)


def _database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        logger.warning("The database does not answer.", exc_info=True)
        return False
    return True
