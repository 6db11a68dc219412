"""Log lines that can be followed: a job's id is in every line about it, from the click to the runner's last word.

`AXONS_LOG_FORMAT=json` writes one JSON object a line with `job` as a field of its own; the runner writes the same. No
line names a learner: jobs, projects and sites are ids.
"""

import json
import logging
import re
from contextvars import ContextVar, Token
from datetime import UTC, datetime
from typing import Any

from asgiref.sync import iscoroutinefunction
from celery.signals import task_postrun, task_prerun
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

_UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
IN_MESSAGE = re.compile(rf"\bjob ({_UUID})", re.IGNORECASE)
IN_PATH = re.compile(rf"/jobs/({_UUID})")
_job: ContextVar[str] = ContextVar("job", default="")
_tokens: dict[str, Token[str]] = {}


def job_of(record: logging.LogRecord) -> str:
    """The job that a line is about: the one it names, or the one of the request or task that wrote it; or empty."""
    named = IN_MESSAGE.search(record.getMessage())
    return named.group(1).lower() if named else _job.get()


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if job := job_of(record):
            line["job"] = job
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class LineFormatter(logging.Formatter):
    """Text for people; the job is added where the line does not name it."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        job = job_of(record)
        return f"{text} [job {job}]" if job and job not in text.lower() else text


@sync_and_async_middleware
def job_context(get_response: Any) -> Any:
    """Middleware: what is logged while a request about one job is answered is about that job."""
    if iscoroutinefunction(get_response):

        async def waiting(request: HttpRequest) -> HttpResponseBase:
            token = _begin(request)
            try:
                return await get_response(request)  # type: ignore[no-any-return]
            finally:
                _job.reset(token)

        return waiting

    def direct(request: HttpRequest) -> HttpResponseBase:
        token = _begin(request)
        try:
            return get_response(request)  # type: ignore[no-any-return]
        finally:
            _job.reset(token)

    return direct


def _begin(request: HttpRequest) -> Token[str]:
    found = IN_PATH.search(request.path_info)
    return _job.set(found.group(1) if found else "")


@task_prerun.connect  # type: ignore[untyped-decorator]
def _task_begins(task_id: str, task: Any, args: Any, kwargs: Any, **signal: Any) -> None:
    if task.name.startswith("axons_service.jobs.") and args:
        _tokens[task_id] = _job.set(str(args[0]))


@task_postrun.connect  # type: ignore[untyped-decorator]
def _task_ends(task_id: str, **signal: Any) -> None:
    if (token := _tokens.pop(task_id, None)) is not None:
        _job.reset(token)
