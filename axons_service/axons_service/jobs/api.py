"""`/api/v1`: jobs, events, models and predictions, for the XBlock and its browsers."""

from typing import Any
from uuid import UUID

import jwt
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import parse_etags
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.models import Project
from axons_service.exercises.selectors import own_project, project_for
from axons_service.exercises.specs import hyperparameters_validate
from axons_service.jobs import schemas, selectors
from axons_service.jobs.asynchronous import AsyncAPIView, in_thread
from axons_service.jobs.batches import batch_archive, batch_pictures
from axons_service.jobs.history import job_log
from axons_service.jobs.models import Job
from axons_service.jobs.serializers import job_output, model_output, prediction_output
from axons_service.jobs.series import MAX_POINTS, MIN_POINTS
from axons_service.jobs.services import job_cancel, job_create
from axons_service.jobs.stream import project_stream
from axons_service.operations.idempotency import IDEMPOTENCY_HEADER, idempotency_key, idempotent, request_sha256
from axons_service.operations.problems import Problem, ProblemSerializer
from axons_service.operations.strict import StrictSerializer
from axons_service.sites.authentication import BrowserAuthentication, XBlockAuthentication, bearer
from axons_service.sites.permissions import IsCaller, caller_of
from axons_service.storage import objects
from axons_service.training_sets.models import Upload
from axons_service.training_sets.selectors import training_set_for, uploads_of

MAX_CURSOR = 2**63 - 1
SHOWN = ("upload", "archive", "pictures")
AFTER = OpenApiParameter("after", OpenApiTypes.INT, description="id of the last event that was seen; 0 for all")
POINTS = OpenApiParameter(
    "points",
    {"type": "integer", "minimum": MIN_POINTS, "maximum": MAX_POINTS, "default": MAX_POINTS},
    description="how many points each curve may have: its shape is kept",
)


REFUSALS = {400: ProblemSerializer, 401: ProblemSerializer, 403: ProblemSerializer, 404: ProblemSerializer}


class ReadView(APIView):
    """Reads are open to signed requests and to a browser's read token."""

    authentication_classes = [XBlockAuthentication, BrowserAuthentication]
    permission_classes = [IsCaller]


class WriteView(APIView):
    """Writes need a signed request."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsCaller]


def cursor_of(value: str | None) -> int:
    """An event id from a query or header. Raises Problem 400 when it is none."""
    text = (value or "0").strip()
    if not text.isascii() or not text.isdigit() or int(text) > MAX_CURSOR:
        raise Problem(400, "cursor_invalid", "The cursor `after` is the id of an event: a whole number from 0.")
    return int(text)


def points_of(value: str | None) -> int:
    """How many points a curve may have. Raises Problem 400 outside the bounds."""
    text = (value or str(MAX_POINTS)).strip()
    if not text.isascii() or not text.isdigit() or not MIN_POINTS <= int(text) <= MAX_POINTS:
        raise Problem(400, "invalid_request", f"`points` is a whole number from {MIN_POINTS} to {MAX_POINTS}.")
    return int(text)


class JobsView(WriteView):
    class InputSerializer(StrictSerializer):
        """A training names a training set and hyperparameters; an inference a model and an upload.

        An inference on many pictures has, instead of `upload`, an `archive` or `pictures`.
        """

        kind = serializers.ChoiceField(choices=[Job.Kind.TRAINING, Job.Kind.INFERENCE])
        training_set = serializers.UUIDField(required=False)
        hyperparameters = serializers.DictField(required=False)
        model = serializers.UUIDField(required=False)
        upload = serializers.UUIDField(required=False, help_text="one picture")
        archive = serializers.UUIDField(required=False, help_text="a zip, of the purpose `prediction_archive`")
        pictures = serializers.ListField(
            child=serializers.UUIDField(), required=False, min_length=1, help_text="many pictures"
        )

        def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
            given = [name for name in SHOWN if name in attrs]
            if len(given) > 1:
                raise serializers.ValidationError({given[1]: f"Send one of {', '.join(SHOWN)}, not several."})
            needed = ("training_set",) if attrs["kind"] == Job.Kind.TRAINING else ("model", *(given or SHOWN[:1]))
            missing = {name: f"A job of kind {attrs['kind']} needs this." for name in needed if name not in attrs}
            if missing:
                raise serializers.ValidationError(missing)
            return attrs

        class Meta:
            ref_name = "JobRequest"

    @extend_schema(
        operation_id="job_create",
        request=InputSerializer,
        responses={
            201: schemas.JobSerializer,
            200: schemas.JobSerializer,
            **REFUSALS,
            409: ProblemSerializer,
            422: ProblemSerializer,
        },
        parameters=[IDEMPOTENCY_HEADER],
    )
    @idempotent("job_create")
    def post(self, request: Request) -> Response:
        """Ask for compute. The same Idempotency-Key with the same body gives the first answer again."""
        key = idempotency_key(request)
        body = self.InputSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        project = own_project(caller_of(request))
        job, created = job_create(
            project=project,
            kind=body.validated_data["kind"],
            idempotency_key=key,
            request_sha256=request_sha256(request.data),
            **self._inputs(request, project, body.validated_data),
        )
        return Response(job_output(job), status=201 if created else 200)

    def _inputs(self, request: Request, project: Project, body: dict[str, Any]) -> dict[str, Any]:
        if body["kind"] == Job.Kind.TRAINING:
            spec = project.spec.body
            if spec["kind"] != "training":
                raise Problem(422, "training_not_offered", "This exercise is about using a model; it trains none.")
            return {
                "training_set": project.training_sets.filter(pk=body["training_set"]).first()
                or training_set_for(caller_of(request), body["training_set"]),
                "hyperparameters": hyperparameters_validate(spec, body.get("hyperparameters", {})),
            }
        model = selectors.model_for(caller_of(request), body["model"])
        if "pictures" in body:
            return {"model": model, "pictures": batch_pictures(project, body["pictures"])}
        if "archive" in body:
            return {"model": model, "upload": batch_archive(project, body["archive"])}
        upload = uploads_of(project, [body["upload"]], purpose=Upload.Purpose.PREDICTION).get(body["upload"])
        if upload is None:
            raise Problem(422, "upload_unknown", "Upload a picture first; this one is not in your project.")
        if objects.head(upload.key) is None:
            raise Problem(422, "upload_incomplete", f"{upload.name} has not arrived. Upload it again.")
        return {"model": model, "upload": upload}


class JobView(ReadView):
    @extend_schema(operation_id="job", responses={200: schemas.JobSerializer, **REFUSALS})
    def get(self, request: Request, job_id: UUID) -> Response:
        """One job with its newest progress and metrics, and its place in the queue."""
        return Response(job_output(selectors.job_for(caller_of(request), job_id)))


class JobMetricsView(ReadView):
    @extend_schema(
        operation_id="job_metrics",
        parameters=[POINTS],
        responses={200: schemas.SeriesSerializer, **REFUSALS, 503: ProblemSerializer},
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        """The job's curves over all its attempts, each thinned to `points` points; an evaluation's are for staff."""
        points = points_of(request.query_params.get("points"))
        return Response(selectors.job_series(selectors.job_insight_for(caller_of(request), job_id), points))


class JobLogView(ReadView):
    @extend_schema(
        operation_id="job_log",
        responses={(200, "text/plain"): OpenApiTypes.STR, **REFUSALS, 503: ProblemSerializer},
    )
    def get(self, request: Request, job_id: UUID) -> HttpResponseBase:
        """What the job's runners logged, over all its attempts, as a text to save; an evaluation's is for staff."""
        job = selectors.job_insight_for(caller_of(request), job_id)
        return HttpResponse(
            job_log(job),
            content_type="text/plain; charset=utf-8",
            headers={
                "Content-Disposition": f'attachment; filename="job-{job.pk}.log"',
                "Cache-Control": "private, no-cache",
            },
        )


class JobCancelView(WriteView):
    @extend_schema(
        operation_id="job_cancel",
        request=None,
        responses={202: schemas.JobSerializer, **REFUSALS, 409: ProblemSerializer},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Cancel: a waiting job at once, a running one with its runner's next heartbeat. Repeats are fine."""
        caller = caller_of(request)
        job = selectors.job_for(caller, job_id)
        if job.kind == Job.Kind.EVALUATION:
            raise Problem(409, "not_cancellable", "A submission that is being scored cannot be taken back.")
        if job.project_id != own_project(caller).pk:
            raise Problem(403, "forbidden", "Only the learner whose job it is can cancel it.")
        job_cancel(job_id=job.pk)
        return Response(job_output(selectors.job_for(caller, job_id)), status=202)


class ModelView(ReadView):
    @extend_schema(operation_id="model", responses={200: schemas.ModelSerializer, **REFUSALS})
    def get(self, request: Request, model_id: UUID) -> Response:
        """One model with metrics and downloads."""
        return Response(model_output(selectors.model_for(caller_of(request), model_id)))


class PredictionView(ReadView):
    @extend_schema(operation_id="prediction", responses={200: schemas.PredictionSerializer, **REFUSALS})
    def get(self, request: Request, prediction_id: UUID) -> Response:
        """One prediction with the picture and its Grad-CAM overlay."""
        return Response(prediction_output(selectors.prediction_for(caller_of(request), prediction_id)))


class ProjectEventsView(ReadView):
    @extend_schema(
        operation_id="project_events",
        parameters=[AFTER],
        responses={200: schemas.EventPageSerializer, 304: None, **REFUSALS, 503: ProblemSerializer},
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        """The events after a cursor, at most 500; 304 with If-None-Match while nothing is new."""
        after = cursor_of(request.query_params.get("after"))
        project = project_for(caller_of(request), project_id)
        newest = selectors.project_cursor(project.pk)
        etag = f'"{after}-{newest}"'
        headers = {"ETag": etag, "Cache-Control": "private, no-cache"}
        if etag in parse_etags(request.headers.get("If-None-Match", "")):
            return Response(status=304, headers=headers)
        events = selectors.project_events(project.pk, after=after) if newest > after else []
        cursor = events[-1]["id"] if events else after
        return Response({"events": events, "cursor": cursor}, headers=headers)


class ProjectStreamView(AsyncAPIView):
    authentication_classes = [BrowserAuthentication]
    permission_classes = [IsCaller]

    @extend_schema(
        operation_id="project_stream",
        parameters=[AFTER, OpenApiParameter("Last-Event-ID", str, OpenApiParameter.HEADER)],
        responses={(200, "text/event-stream"): OpenApiTypes.STR, **REFUSALS},
    )
    async def get(self, request: Request, project_id: UUID) -> HttpResponseBase:
        """Server-sent events of a project after `Last-Event-ID` or `after`; ends when the read token expires."""
        after = cursor_of(request.headers.get("Last-Event-ID") or request.query_params.get("after"))
        await in_thread(project_for, caller_of(request), project_id)
        token = bearer(request.headers["Authorization"]) or ""
        # the signature was verified by BrowserAuthentication
        expires_at = float(jwt.decode(token, options={"verify_signature": False})["exp"])
        frames = project_stream(project_id=project_id, after=after, expires_at=expires_at)
        return StreamingHttpResponse(
            frames,
            content_type="text/event-stream",
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"},
        )
