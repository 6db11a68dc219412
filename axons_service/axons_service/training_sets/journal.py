"""What is known of a set's files while it is being prepared, kept beside it in the object store.

A worker that is killed loses what it checked since the last save; the next one checks those files again, with the same
result, because everything that is stored is named by its content.
"""

import json
from typing import NotRequired, TypedDict

from axons_service.operations.idempotency import request_sha256
from axons_service.storage import keys, objects
from axons_service.training_sets.manifests import Mask
from axons_service.training_sets.models import TrainingSet


class Finding(TypedDict):
    """What a check found of one file: a picture that is stored, or the reason why it cannot be used.

    `mask` and `covers` (the number of the class that covers most of it) only where pictures have masks.
    """

    code: str
    reason: NotRequired[str]
    sha256: NotRequired[str]
    source: NotRequired[str]
    dhash: NotRequired[str]
    width: NotRequired[int]
    height: NotRequired[int]
    bytes: NotRequired[int]
    mask: NotRequired[Mask]
    covers: NotRequired[int]


class Journal:
    """The findings of one set by the identity of the file; `save` writes them down."""

    def __init__(self, training_set: TrainingSet) -> None:
        self.key = journal_key(training_set)
        self._request = request_sha256(training_set.request)
        self.findings: dict[str, Finding] = {}
        self._saved = 0
        try:
            stored = json.loads(objects.get_bytes(self.key))
        except FileNotFoundError:
            return
        if stored["request"] == self._request:
            self.findings = stored["findings"]
            self._saved = len(self.findings)

    def save(self) -> None:
        """Write the journal when it knows more than the stored one."""
        if len(self.findings) == self._saved:
            return
        body = {"version": 1, "request": self._request, "findings": self.findings}
        objects.put_bytes(self.key, json.dumps(body, separators=(",", ":")).encode(), "application/json")
        self._saved = len(self.findings)


def journal_key(training_set: TrainingSet) -> str:
    return f"{keys.training_set_prefix(training_set)}journal.json"
