"""What a caller may do. Views without a permission class of their own are open to authenticated callers only."""

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller, Role

if TYPE_CHECKING:
    from rest_framework.views import APIView


def caller_of(request: Request) -> Caller:
    """The authenticated caller of a request that passed `IsCaller`."""
    assert isinstance(request.auth, Caller), "a view without IsCaller asks who is calling"
    return request.auth


class IsCaller(BasePermission):
    """Someone whom a site or the service itself vouches for. Without credentials the answer is 401."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return isinstance(request.auth, Caller) and request.auth.role != Role.SITE


class IsSite(BasePermission):
    """The LMS itself, with a token of the role `site`, which opens nothing else."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if isinstance(request.auth, Caller) and request.auth.role != Role.SITE:
            raise Problem(403, "site_only", "Only the LMS itself may do this, with a token of the role site.")
        return isinstance(request.auth, Caller)


class IsStaff(IsCaller):
    """A grader or author of the exercise named in the token."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not super().has_permission(request, view):
            return False
        if not caller_of(request).is_staff:
            raise Problem(403, "staff_only", "Only course staff may do this.")
        return True


class IsAuthor(IsCaller):
    """An author of the exercise named in the token."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        if not super().has_permission(request, view):
            return False
        if caller_of(request).role != Role.AUTHOR:
            raise Problem(403, "author_only", "Only authors of the course may do this.")
        return True
