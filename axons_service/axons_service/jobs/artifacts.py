"""Where an attempt's objects lie, and the proof that they are there."""

import re
import uuid
from dataclasses import dataclass

from axons_service.jobs.models import Job, Model
from axons_service.operations.problems import Problem
from axons_service.storage import keys, objects

FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class FileSpec:
    """A file that a runner uploads or has uploaded."""

    name: str
    bytes: int
    sha256: str
    content_type: str = "application/octet-stream"
    key: str = ""

    def record(self) -> dict[str, str | int]:
        """How models and predictions list it."""
        return {"name": self.name, "key": self.key, "sha256": self.sha256, "bytes": self.bytes}


def model_id(job: Job, number: int) -> uuid.UUID:
    """The id of the model that this attempt would leave: its own, so that no two attempts share a key."""
    return uuid.uuid5(job.pk, f"attempt-{number}")


def object_prefix(job: Job, number: int, purpose: str) -> str:
    """Artifacts of a training go where its model will live, so that a finish moves nothing."""
    if purpose == "artifact" and job.kind == Job.Kind.TRAINING:
        model = Model(id=model_id(job, number), project=job.project, site_id=job.project.exercise.site_id)
        return keys.model_prefix(model)
    folder = "checkpoints" if purpose == "checkpoint" else "artifacts"
    return f"{keys.attempt_prefix(job, number)}{folder}/"


def object_key(job: Job, number: int, purpose: str, name: str) -> str:
    """The key of one file of an attempt. Raises Problem 422 for a name that is no plain file name."""
    if FILE_NAME.fullmatch(name) is None:
        raise Problem(422, "file_name", f"“{name[:100]}” is not a plain file name (letters, digits, dot, dash).")
    return object_prefix(job, number, purpose) + name


def object_verify(job: Job, number: int, file: FileSpec, *, purpose: str = "checkpoint") -> None:
    """See that the store has this attempt's object in full. Raises Problem 422 otherwise."""
    if file.key != object_key(job, number, purpose, file.name):
        raise Problem(422, "file_key", f"{file.name}: its key is not one that this attempt was given.")
    found = objects.head(file.key)
    if found is None or found["bytes"] != file.bytes:
        stored = "nothing" if found is None else f"{found['bytes']} bytes"
        raise Problem(422, "file_incomplete", f"{file.name}: the store has {stored} of its {file.bytes} bytes.")
