"""Publishing tasks: after the commit, confirmed, tried again, and never at the cost of the request that asked.

The row that a message speaks of is its outbox, and a reconciler finds rows without one. So a broker that is down or
frozen must cost a request next to nothing: it waits for the broker's confirmation a moment, and while the broker
is in trouble not at all; the publishing goes on in threads of its own.
"""

import logging
import os
import threading
from collections.abc import Callable
from functools import partial
from queue import Full, Queue
from typing import Any

from django.db import transaction

THREADS = 4
PATIENCE_SECONDS = 0.5  # a confirmation takes milliseconds
CONFIRM_SECONDS = 5.0
BACKLOG = 2000  # messages kept while the broker is away; more are left to the reconciler
# About 10 s: a broker's restart. The first try after one meets the pool's stale connection.
RETRY_POLICY = {"max_retries": 12, "interval_start": 0, "interval_step": 0.2, "interval_max": 1.0}

logger = logging.getLogger(__name__)


def message_publish(task: Any, *args: Any) -> None:
    """Publish a Celery task once the transaction commits. Never raises, and never waits long."""
    transaction.on_commit(lambda: _publisher().publish(partial(_send, task, args)), robust=True)


def _send(task: Any, args: tuple[Any, ...]) -> None:
    task.apply_async(args=list(args), retry=True, retry_policy=RETRY_POLICY, confirm_timeout=CONFIRM_SECONDS)


class Publisher:
    """Threads that send; `publish` waits for the sending only as long as the broker behaves."""

    def __init__(self) -> None:
        self.backlog: Queue[tuple[Callable[[], None], threading.Event]] = Queue(BACKLOG)
        self.troubled = False
        for number in range(THREADS):
            # daemons: a frozen broker keeps no process from ending
            threading.Thread(target=self._work, name=f"publisher-{number}", daemon=True).start()

    def publish(self, send: Callable[[], None]) -> None:
        """Have it sent, and wait for that only while the broker confirms promptly."""
        sent = threading.Event()
        try:
            self.backlog.put_nowait((send, sent))
        except Full:
            logger.error("The broker is away and %s messages wait: this one is left to the reconciler.", BACKLOG)
            return
        patience = 0 if self.troubled else PATIENCE_SECONDS
        if not sent.wait(patience) and patience:
            self.troubled = True
            logger.warning("The broker did not confirm within %s s; requests wait no longer for it.", PATIENCE_SECONDS)

    def _work(self) -> None:
        while True:
            send, sent = self.backlog.get()
            try:
                send()
                self.troubled = False
            except Exception as error:
                self.troubled = True
                logger.error("A message was not published and is left to the reconciler: %r", error)
            finally:
                sent.set()


_publishers: dict[int, Publisher] = {}
_making = threading.Lock()


def _publisher() -> Publisher:
    """The publisher of this process: threads do not survive a fork."""
    process = os.getpid()
    with _making:
        if process not in _publishers:
            _publishers[process] = Publisher()
        return _publishers[process]
