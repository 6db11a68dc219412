"""What `kubectl apply -k` would apply, of the part of kustomize that deploy/ uses; anything else is refused.

resources, components, namespace, images and strategic-merge patches by name. kustomize itself is a binary that no
package registry of Python carries.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]
KNOWN = {"apiVersion", "kind", "resources", "components", "namespace", "images", "patches"}
CLUSTER_WIDE = {"Namespace"}


def render(folder: Path) -> list[Manifest]:
    """Every manifest of a kustomization, with its changes made."""
    about = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert set(about) <= KNOWN, f"{folder}: this helper does not know {set(about) - KNOWN}"
    found = [each for name in about.get("resources", []) for each in _load(folder / name)]
    found += [each for name in about.get("components", []) for each in render(folder / name)]
    for patch in about.get("patches", []):
        assert set(patch) == {"path"}
        for change in _documents(folder / patch["path"]):
            (target,) = [each for each in found if _name(each) == _name(change)]
            _merge(target, change)
    for each in found:
        if about.get("namespace") and each["kind"] not in CLUSTER_WIDE:
            each["metadata"]["namespace"] = about["namespace"]
        for container in containers(each):
            for image in about.get("images", []):
                name, _, tag = container["image"].rpartition(":")
                if name == image["name"]:
                    container["image"] = f"{image.get('newName', name)}:{image.get('newTag', tag)}"
    return found


def containers(manifest: Manifest) -> Iterator[Manifest]:
    """Containers of a Deployment or a Job, those that run first included."""
    pod = manifest.get("spec", {}).get("template", {}).get("spec", {})
    yield from pod.get("initContainers", [])
    yield from pod.get("containers", [])


def _load(path: Path) -> list[Manifest]:
    return render(path) if path.is_dir() else _documents(path)


def _documents(path: Path) -> list[Manifest]:
    # one tree each, without shared parts: a change of one must not change another
    return [_copy(each) for each in yaml.safe_load_all(path.read_text()) if each is not None]


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return [_copy(each) for each in value] if isinstance(value, list) else value


def _name(manifest: Manifest) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def _merge(into: Manifest, change: Manifest) -> None:
    for key, value in change.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            assert not isinstance(value, list), "lists are not merged here"
            into[key] = value
