"""The operators' admin looks and does not touch: what changes goes through services, and is written down.

No personal data and no secrets are shown: names of pictures, comments, tokens and keys of the store stay out.
"""

from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.auth import get_permission_codename
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from axons_service.operations.problems import Problem

NOT_SHOWN = frozenset(
    {
        "body",
        "callback_url",
        "claim",
        "comment",
        "data",
        "deleted_by",
        "file",
        "files",
        "grader",
        "handle",
        "idempotency_key",
        "jti",
        "key",
        "learner",
        "manifest_key",
        "matches",
        "options",
        "report",
        "request",
        "requested_by",
        "shards",
        "token_sha256",
    }
)
SHOWN_ANYWAY = frozenset({("spec", "body")})  # an author's configuration


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Lists, searches by id, shows; adds, changes and deletes nothing. `editable` names the few exceptions."""

    editable: ClassVar[tuple[str, ...]] = ()
    show_full_result_count = False
    list_per_page = 50
    ordering: ClassVar[Any] = ("-pk",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return bool(self.editable) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Who may run the actions: those who may change the rows, which nobody does by hand."""
        name = get_permission_codename("change", self.opts)
        return bool(request.user.has_perm(f"{self.opts.app_label}.{name}"))

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        named = [field.name for field in self.opts.concrete_fields]
        return [name for name in named if name not in NOT_SHOWN or (self.opts.model_name, name) in SHOWN_ANYWAY]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return [name for name in self.get_fields(request, obj) if name not in self.editable]

    def each_row(
        self, request: HttpRequest, rows: Iterable[Model] | QuerySet[Any], act: Callable[[Any], bool], done: str
    ) -> None:
        """Do something to each row through its service; who did it is written into the admin's log."""
        count = 0
        for row in rows:
            try:
                changed = act(row)
            except Problem as problem:
                self.message_user(request, f"{row.pk}: {problem.sentence}", messages.WARNING)
                continue
            if changed:
                count += 1
                self.log_change(request, row, done)
            else:
                self.message_user(request, f"{row.pk}: nothing to do in its state.", messages.WARNING)
        self.message_user(request, f"{done}: {count}.", messages.SUCCESS if count else messages.WARNING)
