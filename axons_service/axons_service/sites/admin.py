"""Sites in the operators' admin."""

from typing import TYPE_CHECKING

from django.contrib import admin

from axons_service.sites.models import Site, SiteKey

if TYPE_CHECKING:
    KeysInline = admin.TabularInline[SiteKey, Site]
    SitesAdmin = admin.ModelAdmin[Site]
else:
    KeysInline = admin.TabularInline
    SitesAdmin = admin.ModelAdmin


class SiteKeyInline(KeysInline):
    model = SiteKey
    extra = 0


@admin.register(Site)
class SiteAdmin(SitesAdmin):
    """Registration of an LMS."""

    list_display = ("slug", "name", "is_active", "created_at")
    inlines = (SiteKeyInline,)
