"""Addresses below `/admin/operations/`: for those who are logged in to the admin."""

from django.contrib import admin
from django.urls import path

from axons_service.operations.page import views

admin.site.index_template = "admin/axons_operations/index.html"
urlpatterns = [
    path("", admin.site.admin_view(views.page), name="operations"),
    path("<slug:name>/", admin.site.admin_view(views.act), name="operations-act"),
]
