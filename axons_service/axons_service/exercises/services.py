"""Every write of specs, exercises and projects."""

from typing import Any
from urllib.parse import urlsplit

from axons_service.exercises.models import Exercise, Project, Spec
from axons_service.exercises.selectors import spec_missing
from axons_service.exercises.specs import spec_check, spec_hash, spec_problem
from axons_service.operations.problems import Problem
from axons_service.sites.callers import Caller
from axons_service.sites.models import Site


def spec_validate(*, site: Site, body: Any) -> str:
    """The hash of a valid spec. Raises Problem 422 with an error for every wrong field."""
    errors = spec_check(body) or spec_missing(site, body)
    if errors:
        raise spec_problem(errors)
    return spec_hash(body)


def spec_register(*, site: Site, body: Any) -> Spec:
    """The immutable row of this spec; validated when it is seen for the first time."""
    if isinstance(body, dict):
        known = Spec.objects.filter(site=site, hash=spec_hash(body)).first()
        if known is not None:
            return known
    valid_hash = spec_validate(site=site, body=body)
    spec, _ = Spec.objects.get_or_create(site=site, hash=valid_hash, defaults={"body": body})
    return spec


def project_open(*, caller: Caller, spec_body: Any, callback_url: str) -> Project:
    """The caller's project in their exercise, made at the first call. Any number of tabs may call at once."""
    callback_check(site=caller.site, url=callback_url)
    try:
        spec = spec_register(site=caller.site, body=spec_body)
    except Problem as problem:
        if caller.is_staff:
            raise
        sentence = "This exercise is not set up correctly. Please tell the course staff."
        raise Problem(422, problem.problem_code, sentence) from problem
    exercise, _ = Exercise.objects.get_or_create(
        site=caller.site, usage_key=caller.usage, defaults={"course_key": caller.course}
    )
    project, _ = Project.objects.get_or_create(
        exercise=exercise, learner=caller.learner, defaults={"callback_url": callback_url, "spec": spec}
    )
    newest: dict[str, Any] = {
        "spec": spec,
        "callback_url": callback_url or project.callback_url,
        "is_staff": project.is_staff or caller.is_staff,  # staff who look on as a learner does are staff all the same
        **_dates(caller),
    }
    if any(getattr(project, name) != value for name, value in newest.items()):
        Project.objects.filter(pk=project.pk).update(**newest)
    return Project.objects.select_related("exercise__site", "spec", "allowance").get(pk=project.pk)


def project_dates_note(*, project: Project, caller: Caller) -> Project:
    """Keep what the LMS says now of when the caller's work is due and their scores are seen."""
    changed = {name: value for name, value in _dates(caller).items() if getattr(project, name) != value}
    for name, value in changed.items():
        setattr(project, name, value)
    if changed:
        project.save(update_fields=list(changed))
    return project


def _dates(caller: Caller) -> dict[str, Any]:
    """What the LMS says of them; an older XBlock says nothing and changes nothing."""
    dates = {"closes_at": (caller.knows_deadline, caller.closes_at)}
    dates["results_from"] = (caller.knows_results, caller.results_from)
    return {name: value for name, (known, value) in dates.items() if known}


def callback_check(*, site: Site, url: str) -> None:
    """Grades go to registered hosts only. Raises Problem 422 for any other URL."""
    if not url or callback_allowed(site=site, url=url):
        return
    host = urlsplit(url).netloc
    sentence = f"Grades cannot be sent to {host}: this host is not registered for the site {site.slug}."
    raise Problem(422, "callback_host_not_registered", sentence, [{"field": "callback_url", "message": sentence}])


def callback_allowed(*, site: Site, url: str) -> bool:
    """Whether the URL is plain http(s) to a host (with port) that is registered for the site."""
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and "@" not in parts.netloc and parts.netloc in site.callback_hosts
