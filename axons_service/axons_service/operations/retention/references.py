"""What the rows and manifests of a project name in the store. What none of them names is garbage."""

import re
from dataclasses import dataclass, field
from uuid import UUID

from axons_service.exercises.models import Project
from axons_service.jobs.artifacts import model_id
from axons_service.jobs.models import Checkpoint, Job, Model, Prediction, PredictionBatch
from axons_service.jobs.states import TERMINAL
from axons_service.storage import keys
from axons_service.training_sets.manifests import blob_hashes, manifest_load
from axons_service.training_sets.models import TrainingSet

SHA256 = re.compile(r"([0-9a-f]{64})(\..*)?")
BY_CONTENT = ("blobs", "thumbnails")


@dataclass
class References:
    """The names of one project. `exists` is False when no row is left of it: then nothing below it is named."""

    exists: bool = False
    is_preparing: bool = False
    hashes: set[str] = field(default_factory=set)
    sets: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)  # single objects below sets that are not named as a whole
    models: set[str] = field(default_factory=set)
    jobs: dict[str, bool] = field(default_factory=dict)  # whether it is over
    files: set[str] = field(default_factory=set)

    def is_garbage(self, key: str, project_prefix: str) -> bool:
        """Whether nothing names this object. Folders and names that we do not know are never garbage."""
        if not self.exists:
            return True
        match key.removeprefix(project_prefix).split("/"):
            case [("blobs" | "thumbnails"), "sha256", _, name]:
                found = SHA256.fullmatch(name)
                return found is not None and not self.is_preparing and found[1] not in self.hashes
            case ["training-sets", owner, *_]:
                return not self.is_preparing and owner not in self.sets and key not in self.shared
            case ["models", owner, *_]:
                return owner not in self.models
            case ["jobs", owner, "attempts", _, ("checkpoints" | "artifacts"), *_]:
                return self.jobs.get(owner, True) and key not in self.files
            case ["jobs", owner, *_]:
                return owner not in self.jobs
        return False


def project_references(project_id: UUID, pictures: dict[str, frozenset[str]] | None = None) -> References:
    """Everything that a project names: a constant number of queries, and each living set's manifest once.

    `pictures` remembers what manifests list, {key: hashes}: with it a second look asks the database alone.
    Things in the trash are named until they are given up. While a set is being prepared nothing of training sets is
    garbage. Raises FileNotFoundError or ValueError when a manifest cannot be read: then nobody knows what it names.
    """
    project = Project.objects.select_related("exercise").filter(pk=project_id).first()
    if project is None:
        return References()
    found = References(exists=True)
    pictures = {} if pictures is None else pictures
    sets = TrainingSet.objects.filter(project=project, purged_at__isnull=True)
    columns = ("pk", "state", "manifest_key", "manifest_sha256", "shards")
    for pk, state, manifest_key, manifest_sha256, shards in sets.values_list(*columns):
        if state == TrainingSet.State.PREPARING:
            found.is_preparing = True
        if state == TrainingSet.State.FAILED:  # why, for each file, is all that a learner has of it
            found.shared.add(keys.report_key(TrainingSet(pk=pk, project=project)))
            continue
        found.sets.add(str(pk))
        found.shared.update(shard["key"] for shard in shards)
        if manifest_key:
            if manifest_key not in pictures:
                # what a version leaves out can be taken in again
                pictures[manifest_key] = blob_hashes(manifest_load(manifest_key, manifest_sha256))
            found.hashes.update(pictures[manifest_key])
    jobs = Job.objects.filter(project=project, purged_at__isnull=True).only("pk", "state", "attempt", "kind")
    for job in jobs:
        over = job.state in TERMINAL
        found.jobs[str(job.pk)] = over
        if not over:  # where its attempts put the model that may come
            found.models.update(str(model_id(job, number)) for number in range(1, job.attempt + 1))
    models = Model.objects.filter(project=project, purged_at__isnull=True)
    found.models.update(str(pk) for pk in models.values_list("pk", flat=True))
    found.files.update(Checkpoint.objects.filter(job__project=project).values_list("key", flat=True))
    for left in (Prediction, PredictionBatch):
        for files in left.objects.filter(job__project=project).values_list("files", flat=True):
            found.files.update(file["key"] for file in files)
    return found
