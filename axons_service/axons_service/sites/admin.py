"""Sites in the operators' admin. Keys are added and switched off, never replaced; the rest is `site_register`'s."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from axons_service.operations.admin_base import ReadOnlyAdmin
from axons_service.sites.models import Site, SiteKey, UsedToken

if TYPE_CHECKING:
    KeysInline = admin.TabularInline[SiteKey, Site]
else:
    KeysInline = admin.TabularInline


class SiteKeyInline(KeysInline):
    """Public keys. A key that must not be used any more is switched off, so that what it signed stays known."""

    model = SiteKey
    extra = 0
    can_delete = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("created_at",)


@admin.register(Site)
class SiteAdmin(ReadOnlyAdmin):
    """Registration of an LMS."""

    list_display = ("slug", "name", "is_active", "created_at")
    search_fields = ("=id", "slug")
    editable = ("name", "callback_hosts", "origins", "is_active")
    inlines = (SiteKeyInline,)


@admin.register(SiteKey)
class SiteKeyAdmin(ReadOnlyAdmin):
    list_display = ("id", "site", "kid", "is_active", "created_at")
    list_select_related = ("site",)
    search_fields = ("=id", "kid")
    editable = ("is_active",)


@admin.register(UsedToken)
class UsedTokenAdmin(ReadOnlyAdmin):
    list_display = ("id", "site_id", "expires_at")
    search_fields = ("=id",)
