"""Which bucket a request takes from: reads and writes apart, a learner's, the site's, a pool's."""

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from axons_service.operations.rates import rate_check
from axons_service.sites.callers import Caller

if TYPE_CHECKING:
    from rest_framework.views import APIView


class CallerThrottle(BaseThrottle):
    """The learner's limit and the site's, for signed requests and read tokens. Raises Problem 429."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        caller = request.auth
        if isinstance(caller, Caller):
            kind = "read" if request.method in SAFE_METHODS else "write"
            rate_check(name=f"learner_{kind}", owner=f"{caller.site.pk}:{caller.learner}")
            rate_check(name=f"site_{kind}", owner=str(caller.site.pk))
        return True
