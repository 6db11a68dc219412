"""What is wrong with a spec, collected field by field."""

from typing import Any

from axons_service.operations.problems import FieldError


class Findings:
    """Collects what is wrong, field by field."""

    def __init__(self) -> None:
        self.errors: list[FieldError] = []

    def add(self, field: str, message: str) -> None:
        self.errors.append({"field": field, "message": message})

    def keys(self, path: str, body: dict[str, Any], required: tuple[str, ...], known: tuple[str, ...]) -> None:
        """Report unknown and missing keys of an object."""
        prefix = f"{path}." if path else ""
        for name in body:
            if name not in known:
                self.add(f"{prefix}{name}", f"There is no setting named {name}.")
        for name in required:
            if name not in body:
                self.add(f"{prefix}{name}", f"The setting {name} is missing.")

    def choice(self, name: str, body: dict[str, Any], allowed: tuple[object, ...], sentence: str) -> None:
        if name in body and not any(type(body[name]) is type(each) and body[name] == each for each in allowed):
            self.add(name, sentence)

    def whole(self, name: str, body: dict[str, Any], title: str, low: int, high: int) -> None:
        if name not in body:
            return
        value = body[name]
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.add(name, f"{title} must be a whole number between {low} and {high}.")


def is_share(value: object) -> bool:
    """Whether it is a number from 0 to 1."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
