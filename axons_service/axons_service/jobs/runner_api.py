"""`/runner/v1`: what a runner says and hears, from claim to finish."""

import asyncio
import hmac
import logging
import time
from functools import partial
from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.compute.models import Pool, Runner
from axons_service.compute.services import runner_seen
from axons_service.jobs import runner_schemas as schemas
from axons_service.jobs.artifacts import FileSpec
from axons_service.jobs.assignments import assignment
from axons_service.jobs.asynchronous import AsyncAPIView, in_thread
from axons_service.jobs.failures import FailureClass
from axons_service.jobs.models import Attempt
from axons_service.jobs.runner_authentication import AttemptAuthentication, PoolAuthentication
from axons_service.jobs.services import (
    Batch,
    Claim,
    attempt_events_append,
    attempt_fail,
    attempt_finish,
    attempt_release,
    attempt_uploads_prepare,
    checkpoint_record,
    job_claim,
)
from axons_service.jobs.services.claims import lease_seconds, token_hash
from axons_service.jobs.waiting import Able, bell
from axons_service.operations.problems import Problem, ProblemSerializer
from axons_service.operations.rates import rate_check
from axons_service.sites.authentication import bearer

MAX_WAIT_SECONDS = 60.0
REFUSALS = {400: ProblemSerializer, 401: ProblemSerializer, 409: ProblemSerializer}

logger = logging.getLogger(__name__)


class ClaimView(AsyncAPIView):
    authentication_classes = [PoolAuthentication]
    permission_classes = []

    @extend_schema(
        operation_id="runner_claim",
        request=schemas.ClaimSerializer,
        responses={200: schemas.AssignmentSerializer, 204: None, 400: ProblemSerializer, 401: ProblemSerializer},
    )
    async def post(self, request: Request) -> Response:
        """Take a job for one of the free slots; waits up to `wait` seconds, then 204."""
        caller = request.auth
        if not isinstance(caller, Pool | Runner):
            raise Problem(401, "pool_token", "Claiming needs the token of an active pool.")
        body = schemas.checked(schemas.ClaimSerializer, request.data)
        about = body["runner"]
        if isinstance(caller, Runner) and caller.name != about["name"]:
            raise Problem(401, "runner_token", f"This is the token of {caller.name}, not of {about['name']}.")
        pool = caller.pool if isinstance(caller, Runner) else caller
        able = Able(pool.pk, tuple(sorted(about["slots"])), tuple(sorted(about["architectures"])), about["batches"])
        runner: Runner | None = None
        more = False
        deadline = time.monotonic() + min(body["wait"], MAX_WAIT_SECONDS)
        while True:
            heard = bell().heard(able)
            runner, found = await self._attempt(pool, runner, about)
            if found is not None and more:
                bell().wake(able)
            left = deadline - time.monotonic()
            if found is not None:
                return Response(found)
            if runner.state == Runner.State.STOPPING:  # it takes nothing, so nobody rings for it
                await asyncio.sleep(max(left, 0.0))
                return Response(status=204)
            if left <= 0:
                return Response(status=204)
            more = await bell().wait(able, heard, left)

    async def _attempt(self, pool: Pool, runner: Runner | None, about: dict[str, Any]) -> "Found":
        """Claim once. When the runner hangs up meanwhile, what it would have got is given back."""
        claiming = asyncio.ensure_future(in_thread(_claim, pool=pool, runner=runner, about=about))
        try:
            return await asyncio.shield(claiming)
        except asyncio.CancelledError:
            claiming.add_done_callback(_give_back)
            raise


Found = tuple[Runner, dict[str, Any] | None]  # who claimed, and the assignment if there was a job


def _seen(pool: Pool, about: dict[str, Any]) -> Runner:
    """The runner that claims, after its pool's rate limit. Raises Problem 429."""
    rate_check(name="pool", owner=str(pool.pk))
    return runner_seen(pool=pool, name=about["name"], version=about["version"], device=about["device"])


def _claim(*, pool: Pool, runner: Runner | None, about: dict[str, Any]) -> Found:
    """Look for a job; a request that looks for the first time says who asks."""
    runner = runner or _seen(pool, about)
    abilities = {name: about[name] for name in ("slots", "architectures", "batches")}
    claim = job_claim(runner=runner, **abilities)
    if claim is None:
        return runner, None
    try:
        return runner, assignment(claim)
    except Exception as error:
        logger.exception("job %s: its assignment could not be made", claim.job.pk)
        _fail(claim, f"{type(error).__name__}: {error}")
        return runner, None


def _fail(claim: Claim, message: str) -> None:
    attempt_fail(
        job_id=claim.job.pk,
        number=claim.attempt.number,
        failure_class=FailureClass.INFRASTRUCTURE,
        message=message,
    )


def _give_back(claiming: "asyncio.Future[Found]") -> None:
    if claiming.cancelled() or claiming.exception() is not None or (found := claiming.result()[1]) is None:
        return
    release = partial(attempt_release, job_id=UUID(found["job"]), number=found["attempt"], message="runner hung up")
    task = asyncio.ensure_future(in_thread(release))
    _giving_back.add(task)
    task.add_done_callback(_giving_back.discard)


_giving_back: set["asyncio.Future[None]"] = set()  # the event loop itself keeps only weak references


class AttemptView(APIView):
    """A call of one attempt: the bearer must be the token of the attempt that the body names."""

    authentication_classes = [AttemptAuthentication]
    permission_classes = []

    def attempt_check(self, request: Request, job_id: UUID, number: int) -> None:
        """Raises Problem 401 for anything but this attempt's token, whether the attempt lives or not."""
        token = bearer(request.headers.get("Authorization", "")) or ""
        stored = Attempt.objects.filter(job_id=job_id, number=number).values_list("token_sha256", flat=True).first()
        if stored is None or not hmac.compare_digest(stored, token_hash(token)):
            raise Problem(401, "attempt_token", "This is not the token of this attempt.")
        rate_check(name="attempt", owner=f"{job_id}:{number}")


class AttemptEventsView(AttemptView):
    @extend_schema(
        operation_id="runner_events",
        request=schemas.EventsSerializer,
        responses={200: schemas.HeartbeatSerializer, **REFUSALS},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Report events and renew the lease; an empty batch is a heartbeat. A batch sent again counts once."""
        body = schemas.checked(schemas.EventsSerializer, request.data)
        self.attempt_check(request, job_id, body["attempt"])
        batch = Batch(seq=body["seq"], events=body["events"], log=body["log"])
        cancel = attempt_events_append(job_id=job_id, number=body["attempt"], batch=batch)
        return Response({"cancel": cancel, "lease_seconds": lease_seconds()})


class AttemptUploadsView(AttemptView):
    @extend_schema(
        operation_id="runner_uploads",
        request=schemas.UploadsSerializer,
        responses={200: schemas.UploadUrlsSerializer, **REFUSALS, 422: ProblemSerializer},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Where to upload checkpoints and artifacts: one presigned PUT each, with size and type signed."""
        body = schemas.checked(schemas.UploadsSerializer, request.data)
        self.attempt_check(request, job_id, body["attempt"])
        files = [FileSpec(**file) for file in body["files"]]
        prepared = attempt_uploads_prepare(job_id=job_id, number=body["attempt"], purpose=body["purpose"], files=files)
        return Response({"files": prepared})


class AttemptCheckpointsView(AttemptView):
    @extend_schema(
        operation_id="runner_checkpoint",
        request=schemas.CheckpointSerializer,
        responses={201: schemas.CheckpointOutputSerializer, **REFUSALS, 422: ProblemSerializer},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """Record a checkpoint that the store has in full; later attempts resume from the furthest."""
        body = schemas.checked(schemas.CheckpointSerializer, request.data)
        self.attempt_check(request, job_id, body["attempt"])
        file = FileSpec(name=body["name"], key=body["key"], sha256=body["sha256"], bytes=body["bytes"])
        checkpoint = checkpoint_record(
            job_id=job_id, number=body["attempt"], step=body["step"], epoch=body["epoch"], file=file
        )
        return Response({"step": checkpoint.step, "epoch": checkpoint.epoch}, status=201)


class AttemptFinishView(AttemptView):
    @extend_schema(
        operation_id="runner_finish",
        request=schemas.FinishSerializer,
        responses={200: schemas.FinishOutputSerializer, **REFUSALS, 422: ProblemSerializer},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        """End the attempt. Its objects are verified; sending the same finish again is fine."""
        body = schemas.checked(schemas.FinishSerializer, request.data)
        self.attempt_check(request, job_id, body["attempt"])
        failure = body["failure"] or {}
        job = attempt_finish(
            job_id=job_id,
            number=body["attempt"],
            outcome=body["outcome"],
            files=[FileSpec(**file) for file in body["files"]],
            result=body["result"],
            failure_class=FailureClass(failure["class"]) if failure else None,
            failure_message=failure.get("message", ""),
        )
        return Response({"state": job.state})
