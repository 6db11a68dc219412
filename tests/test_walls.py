"""The walls between the rooms: who may import whom (docs/decisions/0001). Read from the source, nothing is imported."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PLATFORM = {"lms", "cms", "common", "openedx", "xmodule", "student", "submissions", "completion", "opaque_keys"}
DYNAMIC = "(a name that is computed)"
TORCH = {"torch", "torchvision"}
XBLOCK = {"xblock", "webob", "web_fragments", "workbench", "axons_xblock"}
ROOMS = {
    "axons_xblock": (ROOT / "axons_xblock", {"axons_service", "axons_runner", "rest_framework", "celery"} | TORCH),
    "axons_service": (ROOT / "axons_service" / "axons_service", {"axons_runner"} | XBLOCK | TORCH | PLATFORM),
    "axons_runner": (ROOT / "gpu_image" / "axons_runner", {"axons_service", "django", "celery"} | XBLOCK | PLATFORM),
}


def modules(room: Path) -> list[Path]:
    """Every Python file of a room; node_modules and the built front end are no Python."""
    return sorted(path for path in room.rglob("*.py") if "node_modules" not in path.parts)


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and dotted name of every import, also those inside functions and those by name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), filename=str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node.lineno, node.module or ""
        elif isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__"):
                name = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else DYNAMIC
                yield node.lineno, str(name)


def breaches(paths: list[Path], forbidden: set[str]) -> list[str]:
    return [
        f"{path.name}:{line} imports {name}"
        for path in paths
        for line, name in imports(path)
        if name in forbidden or name.split(".")[0] in forbidden
    ]


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_no_room_reaches_into_another(room: str) -> None:
    folder, forbidden = ROOMS[room]
    paths = modules(folder)
    assert paths, f"{folder} holds no Python: this test would prove nothing"
    assert breaches(paths, forbidden) == []


def test_only_compat_imports_the_platform() -> None:
    folder = ROOMS["axons_xblock"][0]
    outside = [path for path in modules(folder) if path != folder / "compat.py"]
    assert breaches(outside, {*PLATFORM, DYNAMIC}) == []
    plugin = folder / "lms_plugin"  # an app of the LMS: Django's apps and settings are its doors
    assert breaches([path for path in outside if path.parent != plugin], {"django"}) == []


def test_compat_is_the_door_that_the_test_believes_it_is() -> None:
    tree = ast.parse((ROOMS["axons_xblock"][0] / "compat.py").read_text(encoding="utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    assert any(text.split(".")[0] in PLATFORM and text.count(".") for text in texts if " " not in text)


def test_the_xblock_uses_no_django_models() -> None:
    outside = modules(ROOMS["axons_xblock"][0])
    found = [f"{path.name}:{line}" for path in outside for line, name in imports(path) if name.startswith("django.db")]
    assert found == []


def test_only_the_runner_imports_torch() -> None:
    assert breaches(modules(ROOMS["axons_runner"][0]), TORCH), "the runner imports no torch: is the test still looking?"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import torch", ["torch"]),
        ("def f():\n    from torch.nn import Linear", ["torch.nn"]),
        ("import importlib\nimportlib.import_module('torch')", ["importlib", "torch"]),
        ("__import__('torch')", ["torch"]),
        ("import_module(name)", [DYNAMIC]),
        ("from . import torch", []),
    ],
)
def test_the_wall_sees_every_way_to_import(tmp_path: Path, source: str, found: list[str]) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    assert [name for _, name in imports(path)] == found
