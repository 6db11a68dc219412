"""Calls about a bucket's settings, which a store may refuse for a moment after it has made the bucket."""

import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

PATIENCE_SECONDS = 15.0
PAUSE_SECONDS = 0.25

T = TypeVar("T")


def once_known(call: Callable[[], T]) -> T:
    """The call's result, asked again while the store says `NoSuchBucket`; its ClientError after 15 s of that."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            return call()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "NoSuchBucket" or time.monotonic() > deadline:
                raise
        time.sleep(PAUSE_SECONDS)
