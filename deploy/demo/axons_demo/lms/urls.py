"""Addresses of the demo LMS. Handler addresses have the platform's shape (lms/urls.py)."""

from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.i18n import JavaScriptCatalog
from workbench.views import package_resource

from axons_demo.lms import dates, handlers, pages, studio

USAGE = r"(?P<usage>block-v1:[^/]+)"


def ready(request: HttpRequest) -> HttpResponse:
    """For the supervisor."""
    return HttpResponse("ready", content_type="text/plain")


urlpatterns = [
    path("", pages.home, name="home"),
    path("ready", ready),
    path("become/", pages.become, name="become"),
    path("learning/course/", pages.outline, name="outline"),
    path("learning/course/<slug:slug>/", pages.unit_page, name="unit_page"),
    path("xblock/<slug:slug>/", pages.unit_frame, name="unit_frame"),
    path("learning/progress/", pages.progress, name="progress"),
    path("instructor/gradebook/", pages.gradebook, name="gradebook"),
    path("instructor/dates/", dates.dates, name="dates"),
    re_path(rf"^instructor/dates/{USAGE}/$", dates.save, name="dates_save"),
    re_path(rf"^instructor/dates/{USAGE}/extend/$", dates.extend, name="dates_extend"),
    path("studio/", studio.outline, name="studio"),
    path("studio/container/<slug:slug>/", studio.container, name="studio_container"),
    re_path(rf"^studio/preview/{USAGE}/$", studio.preview, name="studio_preview"),
    re_path(rf"^studio/edit/{USAGE}/$", studio.editor, name="studio_editor"),
    re_path(
        rf"^studio/xblock/{USAGE}/handler/(?P<handler>[^/]+)(?:/(?P<suffix>.*))?$",
        studio.handler,
        name="studio_handler",
    ),
    re_path(
        rf"^courses/(?P<course>[^/]+)/xblock/{USAGE}/handler/(?P<handler>[^/]+)(?:/(?P<suffix>.*))?$",
        handlers.authenticated,
        name="xblock_handler",
    ),
    re_path(
        rf"^courses/(?P<course>[^/]+)/xblock/{USAGE}/handler_noauth/(?P<handler>[^/]+)(?:/(?P<suffix>.*))?$",
        handlers.noauth,
        name="xblock_handler_noauth",
    ),
    re_path(r"^resource/(?P<block_type>[^/]+)/(?P<resource>.*)$", package_resource, name="package_resource"),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
    *staticfiles_urlpatterns(),
]
