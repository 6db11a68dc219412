"""The contract of `training_sets/api.py`: see `operations/contract.py`."""

from typing import Any

from axons_service.operations import example_values as v
from axons_service.operations.contract import Operation

STARTER_VALUE: dict[str, Any] = {
    "id": v.STARTER_SET,
    "name": "Cats and dogs",
    "version": 1,
    "kind": "starter",
    "parent": None,
    "state": "ready",
    "classes": v.CLASSES,
    "counts": {"cat": {"train": 48, "validation": 12}, "dog": {"train": 48, "validation": 12}},
    "image_count": 120,
    "manifest_sha256": v.SHA256,
    "report": [],
    "created_at": v.TIME,
    "licence": "CC0-1.0",
    "credits": "",
    "message": None,
}
TRAINING_SET_VALUE: dict[str, Any] = {
    **STARTER_VALUE,
    "id": v.TRAINING_SET,
    "name": "Cats and dogs, version 2",
    "version": 2,
    "kind": "project",
    "parent": v.STARTER_SET,
    "counts": {"cat": {"train": 49, "validation": 12}, "dog": {"train": 48, "validation": 12}},
    "image_count": 121,
    "report": [{"file": "tom.jpg", "accepted": True, "reason": None, "code": "accepted"}],
}
PREPARING_VALUE: dict[str, Any] = {
    **TRAINING_SET_VALUE,
    "state": "preparing",
    "classes": [],
    "counts": {},
    "image_count": 0,
    "manifest_sha256": None,
    "report": [],
}

OPERATIONS = {
    "uploads_create": Operation(
        request={
            "files": [
                {"name": "tom.jpg", "bytes": 48211, "content_type": "image/jpeg"},
                {"name": "notes.pdf", "bytes": 1200, "content_type": "application/pdf"},
            ],
            "purpose": "training_set",
        },
        answers={
            201: {
                "uploads": [
                    {
                        "id": v.UPLOAD,
                        "name": "tom.jpg",
                        "url": f"{v.S3}/tmp/2026-11-27/{v.UPLOAD}/tom.jpg?{v.SIGNED}",
                        "method": "PUT",
                        "headers": {"Content-Type": "image/jpeg", "Content-Length": "48211"},
                    }
                ],
                "rejected": [{"name": "notes.pdf", "reason": "notes.pdf is not a JPEG, PNG or WebP picture."}],
            }
        },
        problems=("project_not_open", "own_pictures_off", "too_many_files", "too_many_uploads"),
    ),
    "training_sets_create": Operation(
        request={
            "base": v.STARTER_SET,
            "additions": [{"upload": v.UPLOAD, "label": "cat"}],
            "exclusions": [v.SHA256],
            "relabels": {},
        },
        answers={202: PREPARING_VALUE},
        problems=(
            "project_not_open",
            "not_found",
            "own_pictures_off",
            "training_set_not_ready",
            "base_missing",
            "label_invalid",
            "nothing_to_do",
            "too_many_changes",
            "too_many_files",
            "upload_repeated",
            "upload_unknown",
        ),
    ),
    "project_training_sets": Operation(
        answers={200: {"results": [TRAINING_SET_VALUE], "next": None}}, problems=("cursor_invalid",)
    ),
    "training_sets_read": Operation(answers={200: TRAINING_SET_VALUE}),
    "training_sets_images": Operation(
        answers={
            200: {
                "images": [
                    {
                        "sha256": v.SHA256,
                        "label": "cat",
                        "split": "train",
                        "name": "tom.jpg",
                        "width": 512,
                        "height": 384,
                        "url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/blobs/sha256/9f/{v.SHA256}?{v.SIGNED}",
                    }
                ],
                "next": None,
            }
        },
        problems=("cursor_invalid", "training_set_not_ready"),
    ),
}
