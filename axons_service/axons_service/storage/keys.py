"""Where things lie in the bucket. Prefixes end with a slash; nothing else in the code spells a key.

`project` arguments need their exercise loaded (`select_related("exercise")`) to cost no query.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axons_service.exercises.models import Project
    from axons_service.jobs.models import Job, Model
    from axons_service.training_sets.models import Export, TrainingSet, Upload


def site_prefix(site_id: int) -> str:
    return f"sites/{site_id}/"


def project_prefix(project: "Project") -> str:
    return f"{site_prefix(project.exercise.site_id)}projects/{project.pk}/"


def blob_key(prefix: str, sha256: str) -> str:
    """Where the content with this hash lies below a project's, the library's or the hidden prefix."""
    return f"{prefix}blobs/sha256/{sha256[:2]}/{sha256}"


def thumbnail_key(prefix: str, sha256: str) -> str:
    """Where the small picture of a blob lies."""
    return f"{prefix}thumbnails/sha256/{sha256[:2]}/{sha256}"


def owner_prefix(training_set: "TrainingSet") -> str:
    """The prefix that a training set's blobs and manifest live below."""
    if training_set.project is not None:
        return project_prefix(training_set.project)
    area = "hidden" if training_set.kind == "hidden" else "library"
    return f"{site_prefix(training_set.site_id)}{area}/"


def training_set_prefix(training_set: "TrainingSet") -> str:
    return f"{owner_prefix(training_set)}training-sets/{training_set.pk}/"


def report_key(training_set: "TrainingSet") -> str:
    """What became of each file of a set, where that is too long for its row; failed sets have one too."""
    return f"{training_set_prefix(training_set)}report.json"


def attempt_prefix(job: "Job", number: int) -> str:
    """Checkpoints, logs and artifacts of one attempt."""
    return f"{project_prefix(job.project)}jobs/{job.pk}/attempts/{number}/"


def job_events_key(job: "Job") -> str:
    """All events of a finished job: an RFC 7464 JSON text sequence, gzip."""
    return f"{project_prefix(job.project)}jobs/{job.pk}/events.jsonseq.gz"


def job_log_key(job: "Job") -> str:
    """The log of a finished job over all its attempts, as text."""
    return f"{project_prefix(job.project)}jobs/{job.pk}/log.txt"


def model_prefix(model: "Model") -> str:
    if model.project is not None:
        return f"{project_prefix(model.project)}models/{model.pk}/"
    return f"{site_prefix(model.site_id)}library/models/{model.pk}/"


def export_key(export: "Export") -> str:
    """Where an exported set waits to be fetched; swept by its date."""
    return f"tmp/{export.day:%Y-%m-%d}/exports/{export.pk}.zip"


def tmp_key(upload: "Upload") -> str:
    """Where an upload waits; swept by its date."""
    return f"tmp/{upload.created_at:%Y-%m-%d}/{upload.pk}/file"
