"""XBlock handlers over HTTP. Imitates handle_xblock_callback and handle_xblock_callback_noauth of
lms/djangoapps/courseware/block_render.py."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from xblock.django.request import django_to_webob_request, webob_to_django_response
from xblock.exceptions import NoSuchHandlerError

from axons_demo.lms.course import course
from axons_demo.lms.locators import COURSE, UsageKey
from axons_demo.lms.runtime import LmsRuntime, load_block


def known(usage: str) -> UsageKey:
    """The usage key of an exercise of the course. Raises Http404 for anything else."""
    for key in course().exercises:
        if key == usage:
            return key
    raise Http404(f"The course has no block {usage}.")


def invoke(runtime: LmsRuntime, request: HttpRequest, usage: str, handler: str, suffix: str | None) -> HttpResponse:
    """Run one handler and save what it changed."""
    block = load_block(runtime, known(usage))
    try:
        response = block.handle(handler, django_to_webob_request(request), suffix or "")
    except NoSuchHandlerError as error:
        raise Http404(str(error)) from error
    block.save()
    answer: HttpResponse = webob_to_django_response(response)
    return answer


def authenticated(
    request: HttpRequest, course: str, usage: str, handler: str, suffix: str | None = None
) -> HttpResponse:
    """A handler in the name of the logged-in user; with Django's CSRF check."""
    if course != COURSE:
        raise Http404(f"There is no course {course} here.")
    if not request.user.is_authenticated and request.method != "GET":
        return HttpResponse("Unauthenticated", status=403)
    return invoke(LmsRuntime(request.user), request, usage, handler, suffix)


@csrf_exempt
def noauth(request: HttpRequest, course: str, usage: str, handler: str, suffix: str | None = None) -> HttpResponse:
    """A handler for third parties: nobody is logged in, and no token is asked for. The handler guards itself."""
    if course != COURSE:
        raise Http404(f"There is no course {course} here.")
    return invoke(LmsRuntime(AnonymousUser()), request, usage, handler, suffix)
