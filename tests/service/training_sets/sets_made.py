"""Ways to a training set in tests: uploads put straight into the store, sets prepared as a worker would."""

from typing import Any
from uuid import UUID

from axons_service.exercises.models import Project
from axons_service.storage import keys, objects
from axons_service.training_sets.models import TrainingSet, Upload
from axons_service.training_sets.prepare import training_set_prepare
from tests.service.builders import Caller


def uploaded(project: Project, files: list[tuple[str, bytes]], purpose: str = "training_set") -> list[str]:
    """Uploads that have arrived."""
    from django.utils import timezone

    ids = []
    for name, data in files:
        upload = Upload(project=project, purpose=purpose, name=name, bytes=len(data), content_type="image/jpeg")
        upload.created_at = timezone.now()
        upload.key = keys.tmp_key(upload)
        upload.save()
        objects.put_bytes(upload.key, data, "image/jpeg")
        ids.append(str(upload.pk))
    return ids


def asked(caller: Caller, files: list[tuple[str, bytes, str]], *, key: str = "k", **changes: Any) -> UUID:
    """A set that waits for its worker: (name, content, label) of each picture."""
    ids = uploaded(caller.project(), [(name, data) for name, data, _ in files])
    additions = [{"upload": each, "label": label} for each, (_, _, label) in zip(ids, files, strict=True)]
    answer = caller.post("/training-sets", {"additions": additions, **changes}, key=key)
    assert answer.status_code == 202, answer.content
    return UUID(answer.json()["id"])


def prepared(training_set_id: UUID | str) -> TrainingSet:
    """The set after as many slices as it takes."""
    for _ in range(100):
        training_set_prepare(training_set_id=UUID(str(training_set_id)))
        found = TrainingSet.objects.select_related("project__exercise", "starter").get(pk=training_set_id)
        if found.state != TrainingSet.State.PREPARING:
            return found
    raise AssertionError("the set is still being prepared after 100 slices")
