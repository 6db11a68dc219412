"""Django's middleware for an asynchronous service: what only the admin needs runs for pages only, and never in a thread
of its own.

Django runs each synchronous hook of each middleware in a thread and comes back, a dozen times a request; one that is
synchronous throughout would also hold a thread for every stream and long poll below it.
"""

from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.common import CommonMiddleware
from django.middleware.csrf import CsrfViewMiddleware
from django.middleware.security import SecurityMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware

PROGRAMS = ("/api/", "/runner/", "/health/")


def is_for_program(request: HttpRequest) -> bool:
    """Whether a program asks, with a token of its own: no session, no cookie, no form."""
    return request.path_info.startswith(PROGRAMS)


class _InLoop:
    """Hooks that only compute run where the request is."""

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        me: Any = self
        response = me.process_request(request) if hasattr(me, "process_request") else None
        if response is None:
            response = await me.get_response(request)
        return me.process_response(request, response)  # type: ignore[no-any-return]


class _PagesOnly:
    """Requests of programs pass by."""

    def __call__(self, request: HttpRequest) -> Any:
        me: Any = self
        if not me.async_mode and is_for_program(request):
            return me.get_response(request)
        return super().__call__(request)  # type: ignore[misc]

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        me: Any = self
        if is_for_program(request):
            return await me.get_response(request)  # type: ignore[no-any-return]
        return await super().__acall__(request)  # type: ignore[misc,no-any-return]


class Security(_InLoop, SecurityMiddleware):
    """Security headers, for every answer."""


class Common(_InLoop, CommonMiddleware):
    """Slashes and Content-Length, for every answer."""


class FrameOptions(_InLoop, XFrameOptionsMiddleware):
    """No framing, for every answer."""


class Sessions(_PagesOnly, SessionMiddleware):
    """Sessions of the admin."""


class Authentication(_PagesOnly, AuthenticationMiddleware):
    """Who is logged in to the admin."""


class Messages(_PagesOnly, MessageMiddleware):
    """Messages of the admin."""


class Csrf(_PagesOnly, CsrfViewMiddleware):
    """Forms of the admin. Programs send no cookie, so there is nothing to forge."""

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            self.process_view = self._process_view_async  # type: ignore[method-assign,assignment]

    async def _process_view_async(self, request: HttpRequest, *args: Any) -> Any:
        if is_for_program(request):
            return None
        return await sync_to_async(super().process_view)(request, *args)


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    """The admin's files. WhiteNoise itself is synchronous; finding a file is a look into a dictionary."""

    async_capable = True

    def __init__(self, get_response: Any) -> None:
        super().__init__(get_response)
        self.async_mode = iscoroutinefunction(get_response)
        if self.async_mode:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        return self._call_async(request) if self.async_mode else super().__call__(request)

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        found = None if is_for_program(request) else self.files.get(request.path_info)
        if found is None:
            return await self.get_response(request)  # type: ignore[no-any-return]
        return await sync_to_async(self.serve)(found, request)  # type: ignore[no-any-return]
