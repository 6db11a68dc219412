"""`/projects/{id}/trash` and `/learners/erase`."""

from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from axons_service.exercises.selectors import project_for
from axons_service.operations.cursors import CURSOR, LIMIT, page_of, page_query
from axons_service.operations.problems import ProblemSerializer
from axons_service.operations.retention import erasure, selectors, trash
from axons_service.operations.retention.serializers import (
    ErasureRequestSerializer,
    ErasureSerializer,
    TrashEntrySerializer,
    TrashPageSerializer,
    TrashRequestSerializer,
)
from axons_service.sites.authentication import XBlockAuthentication
from axons_service.sites.permissions import IsSite, caller_of

REFUSALS = {400: ProblemSerializer, 401: ProblemSerializer, 403: ProblemSerializer, 404: ProblemSerializer}


class TrashView(APIView):
    """A project's trash. Reading is open to browsers' read tokens too; writing needs a signed request."""

    @extend_schema(
        operation_id="trash_list",
        parameters=[CURSOR, LIMIT],
        responses={200: TrashPageSerializer, **REFUSALS},
    )
    def get(self, request: Request, project_id: UUID) -> Response:
        """What can still be undone, newest first."""
        project = project_for(caller_of(request), project_id)
        entries, following = page_of(selectors.trash_rows(project), of=f"trash:{project.pk}", **page_query(request))
        for entry in entries:
            entry.project = project
        return Response({"entries": [selectors.trash_output(each) for each in entries], "next": following})

    @extend_schema(
        operation_id="trash_put",
        request=TrashRequestSerializer,
        responses={201: TrashEntrySerializer, 200: TrashEntrySerializer, **REFUSALS, 409: ProblemSerializer},
    )
    def post(self, request: Request, project_id: UUID) -> Response:
        """Delete something, with 14 days to undo it. 409 says what keeps it in use; a repeat answers 200."""
        caller = caller_of(request)
        body = TrashRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        project = project_for(caller, project_id)
        entry, created = trash.trash_put(
            project=project,
            kind=body.validated_data["kind"],
            object_id=body.validated_data["object"],
            by=caller.learner,
        )
        return Response(selectors.trash_output(entry), status=201 if created else 200)


class TrashRestoreView(APIView):
    """Undo."""

    authentication_classes = [XBlockAuthentication]

    @extend_schema(
        operation_id="trash_restore",
        request=None,
        responses={200: TrashEntrySerializer, **REFUSALS, 410: ProblemSerializer},
    )
    def post(self, request: Request, project_id: UUID, entry_id: UUID) -> Response:
        """Bring everything of an entry back. Repeats are fine; 410 once it was deleted for good."""
        entry = selectors.trash_entry(project_for(caller_of(request), project_id), entry_id)
        return Response(selectors.trash_output(trash.trash_restore(entry=entry)))


class TrashPurgeView(APIView):
    """Delete now."""

    authentication_classes = [XBlockAuthentication]

    @extend_schema(
        operation_id="trash_purge",
        request=None,
        responses={200: TrashEntrySerializer, **REFUSALS, 409: ProblemSerializer},
    )
    def post(self, request: Request, project_id: UUID, entry_id: UUID) -> Response:
        """Delete an entry for good without waiting for its 14 days; the room is free at once. Repeats are fine."""
        entry = selectors.trash_entry(project_for(caller_of(request), project_id), entry_id)
        return Response(selectors.trash_output(trash.trash_purge(entry=entry)))


class LearnerEraseView(APIView):
    """User retirement."""

    authentication_classes = [XBlockAuthentication]
    permission_classes = [IsSite]

    @extend_schema(
        operation_id="learner_erase",
        request=ErasureRequestSerializer,
        responses={200: ErasureSerializer, 400: ProblemSerializer, 401: ProblemSerializer, 403: ProblemSerializer},
    )
    def post(self, request: Request) -> Response:
        """Erase a learner of the calling site, in all its courses and for good. Needs a token of the role `site`."""
        caller = caller_of(request)
        body = ErasureRequestSerializer(data=request.data)
        body.is_valid(raise_exception=True)
        done = erasure.learner_erase(
            site=caller.site, learner=body.validated_data["learner"], requested_by=caller.learner
        )
        answer = {
            "id": done.pk,
            "projects": done.projects,
            "rows": done.rows,
            "erased_at": done.created_at.isoformat(),
        }
        return Response(answer)
