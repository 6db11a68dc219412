"""Budgets as JSON-ready values, and their shape for the OpenAPI document."""

from typing import Any

from rest_framework import serializers

from axons_service.compute.budgets import Budget


class BudgetSerializer(serializers.Serializer[Any]):
    """A limit of compute minutes, and what is used of it."""

    scope = serializers.ChoiceField(choices=["course", "learner", "exercise"], help_text="whose limit it is")
    limit_minutes = serializers.IntegerField()
    used_minutes = serializers.FloatField()
    left_minutes = serializers.FloatField(help_text="0 when it is used up")
    period = serializers.ChoiceField(choices=["day", "week", "month", "always"], help_text="renewed with each; UTC")
    renewed_on = serializers.DateField(allow_null=True)
    state = serializers.ChoiceField(choices=["ok", "short", "used_up"], help_text="short: 80 % and more is used")
    message = serializers.CharField(help_text="a sentence for the person; empty while there is nothing to say")


def budget_output(budget: Budget) -> dict[str, Any]:
    """One budget."""
    return {
        "scope": budget.scope,
        "limit_minutes": budget.limit_minutes,
        "used_minutes": round(budget.used_minutes, 1),
        "left_minutes": round(max(0.0, budget.limit_minutes - budget.used_minutes), 1),
        "period": budget.period,
        "renewed_on": budget.renewed_on.isoformat() if budget.renewed_on is not None else None,
        "state": budget.state,
        "message": budget.message,
    }
