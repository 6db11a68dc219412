"""What an operator sees of compute. Limits may be changed here; tokens are set by `pool_register`."""

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from axons_service.compute.cost_page import cost_page
from axons_service.compute.models import (
    ComputeUse,
    CourseLimits,
    Deployment,
    MachineUse,
    Pool,
    ProviderFault,
    Runner,
    SiteLimits,
)
from axons_service.operations.admin_base import ReadOnlyAdmin


@admin.register(Pool)
class PoolAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "title",
        "provider",
        "min_runners",
        "max_runners",
        "is_active",
        "scaling_reason",
        "provider_error",
    )
    search_fields = ("=id", "name")
    editable = (
        "title",
        "min_runners",
        "max_runners",
        "idle_seconds",
        "warm_windows",
        "spare_runners",
        "target_wait_seconds",
        "cool_down_seconds",
        "budget_per_day",
        "price_per_hour",
        "currency",
        "billing_unit_seconds",
        "start_timeout_seconds",
        "is_active",
    )


@admin.register(Deployment)
class DeploymentAdmin(ReadOnlyAdmin):
    """What the machines of this database are labelled with, where the setting AXONS_DEPLOYMENT is empty."""

    list_display = ("label",)
    search_fields = ("=id",)


@admin.register(ProviderFault)
class ProviderFaultAdmin(ReadOnlyAdmin):
    list_display = ("pool", "kind", "count")
    list_filter = ("pool", "kind")
    list_select_related = ("pool",)
    search_fields = ("=id", "pool__name")


@admin.register(Runner)
class RunnerAdmin(ReadOnlyAdmin):
    list_display = ("name", "pool", "state", "device", "version", "last_seen_at", "busy_at")
    list_filter = ("state", "pool")
    list_select_related = ("pool",)
    search_fields = ("=id", "name")


@admin.register(CourseLimits)
class CourseLimitsAdmin(ReadOnlyAdmin):
    """A course appears with its first job, or by `course_limits`."""

    list_display = ("course_key", "site", "max_running", "course_minutes", "learner_minutes", "period")
    list_filter = ("site", "period")
    list_select_related = ("site",)
    search_fields = ("=id", "course_key")
    editable = ("max_running", "course_minutes", "learner_minutes", "period")


@admin.register(SiteLimits)
class SiteLimitsAdmin(ReadOnlyAdmin):
    """A site appears by `site_limits`."""

    list_display = ("site", "max_running")
    list_select_related = ("site",)
    search_fields = ("=id", "site__slug")
    editable = ("max_running",)


@admin.register(ComputeUse)
class ComputeUseAdmin(ReadOnlyAdmin):
    list_display = ("limits", "day", "seconds")
    list_filter = ("limits__site", "day")
    list_select_related = ("limits",)
    search_fields = ("=id", "limits__course_key")


@admin.register(MachineUse)
class MachineUseAdmin(ReadOnlyAdmin):
    list_display = ("runner_name", "pool", "billed_from", "billed_until", "price_per_hour", "currency", "is_closed")
    list_filter = ("pool", "is_closed")
    list_select_related = ("pool",)
    search_fields = ("=id", "runner_name")

    def get_urls(self) -> list[URLPattern]:
        own = path("costs/", self.admin_site.admin_view(self.costs), name="axons_compute_costs")
        return [own, *super().get_urls()]

    def costs(self, request: HttpRequest) -> HttpResponse:
        """What compute cost, for those who may see the bills."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return cost_page(request, self.admin_site.each_context(request))
