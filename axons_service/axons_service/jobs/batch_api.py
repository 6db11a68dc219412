"""`/jobs/{id}/batch`: the table that an inference on many pictures left, to save."""

import time
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from axons_service.jobs import schemas, selectors
from axons_service.jobs.api import REFUSALS, ReadView
from axons_service.jobs.models import Job
from axons_service.operations.problems import Problem, ProblemSerializer
from axons_service.sites.permissions import caller_of
from axons_service.storage import objects

LINK_SECONDS = 300
TAG_SECONDS = 60  # who is answered 304 holds links that are good for at least LINK_SECONDS less this


class JobBatchView(ReadView):
    @extend_schema(
        operation_id="job_batch",
        responses={200: schemas.BatchFilesSerializer, **REFUSALS, 409: ProblemSerializer},
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """The files of a finished inference on many pictures, by links for five minutes."""
        job = selectors.job_for(caller_of(request), job_id)
        batch = getattr(job, "batch", None)
        if batch is None:
            raise Problem(404, "no_batch", "This job looked at one picture; only one on many pictures leaves a table.")
        if job.state != Job.State.SUCCEEDED:
            raise Problem(409, "batch_unfinished", "These pictures are not all looked at yet. Wait for the job's end.")
        files = [
            {
                "name": file["name"],
                "bytes": file["bytes"],
                "url": objects.presigned_get(file["key"], expires=LINK_SECONDS, filename=file["name"]),
                "expires_in": LINK_SECONDS,
            }
            for file in batch.files
        ]
        tag = f'W/"{job.pk}-{int(time.time() // TAG_SECONDS)}"'
        return Response({"job": str(job.pk), "files": files}, headers={"ETag": tag})
