"""The runner's log lines: text, or with AXONS_LOG_FORMAT=json objects like the service's, with `job` as a field."""

from __future__ import annotations

import json
import logging
import re
from datetime import UTC, datetime

TEXT = "%(asctime)s %(levelname)s %(name)s %(message)s"
IN_MESSAGE = re.compile(r"\bjob ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


class JsonFormatter(logging.Formatter):
    """One JSON object a line; `job` is the id that the message names."""

    def __init__(self, runner: str) -> None:
        super().__init__()
        self.runner = runner

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "runner": self.runner,
            "message": record.getMessage(),
        }
        if named := IN_MESSAGE.search(line["message"]):
            line["job"] = named.group(1).lower()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def configure(kind: str, runner: str) -> None:
    """Log to standard error, as `text` or `json`. Raises ValueError for anything else."""
    if kind not in ("text", "json"):
        raise ValueError(f"AXONS_LOG_FORMAT is “{kind}”; it takes text or json.")
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter(runner) if kind == "json" else logging.Formatter(TEXT))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
