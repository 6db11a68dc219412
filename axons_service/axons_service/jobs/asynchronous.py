"""Views that wait: a DRF view with `async` handlers, and a bounded set of threads for its database calls.

A long poll or a stream waits on the event loop and holds neither a thread nor a connection meanwhile.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, ParamSpec, TypeVar

from django.db import close_old_connections
from django.http import HttpRequest, HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

THREADS = 8

P = ParamSpec("P")
T = TypeVar("T")

_threads = ThreadPoolExecutor(THREADS, thread_name_prefix="axons-async-view")


def _with_connection(function: Callable[[], T]) -> T:
    close_old_connections()
    try:
        return function()
    finally:
        close_old_connections()


async def in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call a blocking function in one of our threads; its database connection lives by CONN_MAX_AGE."""
    return await run_in(_threads, partial(function, *args, **kwargs))


async def run_in(threads: ThreadPoolExecutor, function: Callable[[], T]) -> T:
    """Call a blocking function in one of the given threads."""
    return await asyncio.get_running_loop().run_in_executor(threads, copy_context().run, _with_connection, function)


class AsyncAPIView(APIView):
    """DRF's APIView for `async` handlers: authentication, permissions and errors as everywhere else."""

    async def dispatch(  # type: ignore[override]
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        self.args, self.kwargs = args, kwargs
        wrapped = self.request = self.initialize_request(request, *args, **kwargs)
        self.headers = self.default_response_headers
        try:
            await in_thread(self.initial, wrapped, *args, **kwargs)
            method = (wrapped.method or "").lower()
            handler = getattr(self, method, None) if method in self.http_method_names else None
            if handler is None:
                self.http_method_not_allowed(wrapped)
            response = await handler(wrapped, *args, **kwargs)  # type: ignore[misc]
        except Exception as error:
            response = self.handle_exception(error)
        return self.finalize_response(wrapped, response, *args, **kwargs)

    async def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        """What the address takes. DRF's own handler is not `async`."""
        return Response(headers={"Allow": ", ".join(self.allowed_methods)})
