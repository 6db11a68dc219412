"""CORS with exact origins: those of the settings and those that registered sites name. No cookies cross origins."""

import time
from collections.abc import Iterable
from urllib.parse import SplitResult

from asgiref.sync import sync_to_async
from corsheaders.middleware import CorsMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from axons_service.sites.models import Site

FRESH_SECONDS = 30.0


class SiteCorsMiddleware(CorsMiddleware):
    """django-cors-headers, which also asks the registered sites; their origins are remembered for half a minute."""

    _origins: frozenset[str] = frozenset()
    _read_at: float | None = None

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not self.async_mode and self._is_stale(request):
            self._remember(_site_origins())
        return super().__call__(request)  # type: ignore[return-value]

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        if self._is_stale(request):
            self._remember(await sync_to_async(_site_origins)())
        return await super().__acall__(request)

    def origin_found_in_white_lists(self, origin: str, url: SplitResult) -> bool:
        return origin in self._origins or super().origin_found_in_white_lists(origin, url)

    def _is_stale(self, request: HttpRequest) -> bool:
        if "Origin" not in request.headers or not self.is_enabled(request):
            return False
        return self._read_at is None or time.monotonic() - self._read_at > FRESH_SECONDS

    def _remember(self, origins: Iterable[str]) -> None:
        self._origins = frozenset(origins)
        self._read_at = time.monotonic()


def _site_origins() -> set[str]:
    lists = Site.objects.filter(is_active=True).values_list("origins", flat=True)
    return {origin for origins in lists for origin in origins}
