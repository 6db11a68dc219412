"""What an author does in Studio: loads the exercise, and saves it once the service has found it valid."""

from __future__ import annotations

import math
from typing import Any

from axons_xblock import access, compat
from axons_xblock.errors import Problem, gettext_noop
from axons_xblock.handlers import Json
from axons_xblock.spec import templates

MAX_NAME = 255
MAX_WEIGHT = 1000
MAX_INSTRUCTIONS = 50_000


class StudioAPI:
    """The Studio handlers of one block."""

    def __init__(self, block: Any) -> None:
        self.block = block

    def load(self, data: Json) -> Json:
        """The exercise as it is, and what an author may choose from (null, with a sentence, while that is unknown)."""
        access.require_author(self.block)
        gettext = compat.gettext(self.block)
        library: Json | None = None
        library_error: str | None = None
        try:
            library = access.client_of(self.block).get("/library")
        except Problem as problem:
            library_error = problem.sentence(gettext)
        return {
            "display_name": self.block.display_name,
            "weight": self.block.weight_or_default(),
            "instructions": self.block.instructions,
            "spec": self.block.effective_spec(),
            "library": library,
            "library_error": library_error,
            "begun": self._begun() if library is not None else None,
            "templates": [
                {**template, "title": gettext(template["title"]), "description": gettext(template["description"])}
                for template in templates()
            ],
        }

    def _begun(self) -> Json | None:
        """What students have done here so far, which a change does not reach; None where the service does not say."""
        try:
            overview = access.client_of(self.block).get("/overview")
        except Problem:
            return None
        return {"runs": overview["runs"], "handed_in": overview["standings"].get("handed_in", 0)}

    def save(self, data: Json) -> Json:
        """Save all or nothing; raises 422 with the fields at fault."""
        access.require_author(self.block)
        errors = _errors(data)
        if errors:
            gettext = compat.gettext(self.block)
            raise Problem(
                422,
                "invalid_exercise",
                gettext_noop("Nothing was saved: some fields need your attention."),
                errors=[{"field": field, "message": gettext(message)} for field, message in errors.items()],
            )
        validated: Json = access.client_of(self.block).post("/specs/validate", {"spec": data["spec"]})
        self.block.display_name = data["display_name"].strip()
        self.block.weight = float(data["weight"])
        self.block.instructions = data["instructions"]
        self.block.spec = data["spec"]
        return {"spec_hash": validated["spec_hash"]}


def _errors(data: Json) -> dict[str, str]:
    """The fields at fault and why. What a spec may hold, the service knows."""
    errors: dict[str, str] = {}
    name, weight, instructions = data.get("display_name"), data.get("weight"), data.get("instructions")
    if not isinstance(name, str) or not 1 <= len(name.strip()) <= MAX_NAME:
        errors["display_name"] = gettext_noop("The name must have 1 to 255 characters.")
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not _is_weight(weight):
        errors["weight"] = gettext_noop("The weight must be a number between 0 and 1000.")
    if not isinstance(instructions, str) or len(instructions) > MAX_INSTRUCTIONS:
        errors["instructions"] = gettext_noop("The instructions must be a text of at most 50,000 characters.")
    if not isinstance(data.get("spec"), dict):
        errors["spec"] = gettext_noop("The spec must be a JSON object.")
    return errors


def _is_weight(weight: float) -> bool:
    return math.isfinite(weight) and 0 <= weight <= MAX_WEIGHT
