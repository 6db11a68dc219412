"""The page and its actions. An action's first request asks, its second does it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe
from kombu.exceptions import OperationalError

from axons_service.operations.dead_letters import NoDeadLetters
from axons_service.operations.page import overview
from axons_service.operations.page.actions import ACTIONS, NotThere, name_of, written_down
from axons_service.operations.pool_facts import pools_now
from axons_service.operations.problems import Problem

TEMPLATES = "admin/axons_operations"
LOOK = ("axons_jobs.view_job", "axons_compute.view_pool", "axons_compute.view_runner")


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Everything at one moment, for those who may see jobs, pools and runners."""
    _may(request, *LOOK)
    now = timezone.now()
    letters, why_no_letters = overview.tasks_dead()
    context = {
        **admin.site.each_context(request),
        "title": "Operations",
        "now": now,
        "pools": pools_now(now),
        "machines": overview.machines_now(),
        "queues": overview.queues_now(),
        "stuck": overview.jobs_stuck(now),
        "grades": overview.grades_dead(),
        "letters": letters[: overview.SHOWN],
        "letters_left_out": max(0, len(letters) - overview.SHOWN),
        "why_no_letters": why_no_letters,
        "allowed": {name: request.user.has_perm(action.permission) for name, action in ACTIONS.items()},
    }
    return TemplateResponse(request, f"{TEMPLATES}/page.html", context)


@require_POST
def act(request: HttpRequest, name: str) -> HttpResponse:
    """Ask, or with `confirmed` do it. Only who may change such rows."""
    action = ACTIONS.get(name)
    if action is None:
        raise Http404
    _may(request, *LOOK, action.permission)
    back = HttpResponseRedirect(reverse("operations"))
    try:
        thing = action.find(request.POST.get("id", ""))
        if "confirmed" not in request.POST:
            context = {
                **admin.site.each_context(request),
                "title": action.title,
                "action": action,
                "thing": name_of(thing),
                "id": request.POST.get("id", ""),
            }
            return TemplateResponse(request, f"{TEMPLATES}/confirm.html", context)
        is_done = action.act(thing)
    except (NotThere, NoDeadLetters):
        return _told(request, back, messages.WARNING, "It is not there any more.")
    except Problem as problem:
        return _told(request, back, messages.WARNING, problem.sentence)
    except (OperationalError, OSError):
        return _told(request, back, messages.ERROR, "The broker does not answer. Nothing was changed.")
    if not is_done:
        return _told(request, back, messages.WARNING, "There is nothing to do in its state.")
    written_down(user_id=int(request.user.pk or 0), thing=thing, text=action.done)
    return _told(request, back, messages.SUCCESS, f"{action.done}: {name_of(thing)}.")


def _may(request: HttpRequest, *permissions: str) -> None:
    if not request.user.has_perms(permissions):
        raise PermissionDenied


def _told(request: HttpRequest, back: HttpResponse, level: int, text: Any) -> HttpResponse:
    messages.add_message(request, level, text)
    return back
