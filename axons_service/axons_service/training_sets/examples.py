"""The contract of `training_sets/api.py`: see `operations/contract.py`."""

from typing import Any

from axons_service.operations import example_values as v
from axons_service.operations.contract import Operation

STARTER_VALUE: dict[str, Any] = {
    "id": v.STARTER_SET,
    "name": "Cats and dogs",
    "version": 1,
    "kind": "starter",
    "task": "classification",
    "colours": {},
    "parent": None,
    "state": "ready",
    "classes": v.CLASSES,
    "counts": {"cat": {"train": 48, "validation": 12}, "dog": {"train": 48, "validation": 12}},
    "image_count": 120,
    "manifest_sha256": v.SHA256,
    "content_sha256": v.SHA256,
    "report": [],
    "report_counts": {},
    "warnings": [],
    "progress": None,
    "changes": {"kind": "library", "counts": {}, "renames": {}, "reverted_to": None},
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
    "report_counts": {"accepted": 1},
    "changes": {"kind": "pictures", "counts": {"added": 1}, "renames": {}, "reverted_to": None},
}
HIDDEN_VALUE: dict[str, Any] = {
    **STARTER_VALUE,
    "id": v.HIDDEN_SET,
    "name": "Cats and dogs, hidden",
    "kind": "hidden",
    "counts": {"cat": {"test": 30}, "dog": {"test": 30}},
    "image_count": 60,
}
IMAGE_VALUE: dict[str, Any] = {
    "sha256": v.SHA256,
    "label": "cat",
    "split": "train",
    "name": "tom.jpg",
    "width": 512,
    "height": 384,
    "near_group": None,
    "mask_url": None,
    "thumbnail_url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/thumbnails/{v.SHA256}?{v.SIGNED}",
    "url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/blobs/sha256/9f/{v.SHA256}?{v.SIGNED}",
}
PREPARING_VALUE: dict[str, Any] = {
    **TRAINING_SET_VALUE,
    "state": "preparing",
    "classes": [],
    "counts": {},
    "image_count": 0,
    "manifest_sha256": None,
    "content_sha256": None,
    "report": [],
    "report_counts": {},
    "progress": {"done": 40, "total": 121},
}
EXPORT_VALUE: dict[str, Any] = {
    "id": v.EXPORT,
    "training_set": v.TRAINING_SET,
    "state": "preparing",
    "done": 40,
    "total": 121,
    "bytes": None,
    "url": None,
    "message": None,
    "created_at": v.TIME,
}
LEAKAGE_VALUE: dict[str, Any] = {
    "training_set": v.TRAINING_SET,
    "title": "Cats and dogs, version 2",
    "version": 2,
    "image_count": 121,
    "learner": v.LEARNER,
    "exact": 1,
    "near": 0,
    "matches": [
        {
            "sha256": v.SHA256,
            "name": "tom.jpg",
            "label": "cat",
            "hidden_name": "0042.jpg",
            "hidden_label": "cat",
            "kind": "exact",
            "distance": 0,
            "url": f"{v.S3}/sites/campus/projects/{v.PROJECT}/thumbnails/sha256/9f/{v.SHA256}?{v.SIGNED}",
        }
    ],
    "checked_at": v.LATER,
}
PUBLICATION_VALUE: dict[str, Any] = {
    "id": v.PUBLICATION,
    "name": f"garden-birds@{v.SHA256}",
    "title": "Garden birds",
    "kind": "starter",
    "version": 1,
    "state": "preparing",
    "image_count": 121,
    "content_sha256": v.SHA256,
    "progress": {"done": 64, "total": 244},
    "message": None,
}
CHANGE_PROBLEMS = (
    "project_not_open",
    "not_found",
    "in_trash",
    "own_pictures_off",
    "training_set_not_ready",
    "training_set_unknown",
    "version_conflict",
    "task_differs",
)

OPERATIONS = {
    "uploads_create": Operation(
        request={
            "files": [
                {
                    "name": "tom.jpg",
                    "bytes": 48211,
                    "content_type": "image/jpeg",
                    "client_id": "b2f0c6a1-tom",
                    "sha256": v.SHA256,
                    "label": "cat",
                },
                {"name": "notes.pdf", "bytes": 1200, "content_type": "application/pdf"},
            ],
            "purpose": "training_set",
        },
        answers={
            201: {
                "uploads": [
                    {
                        "id": v.UPLOAD,
                        "client_id": "b2f0c6a1-tom",
                        "name": "tom.jpg",
                        "state": "waiting",
                        "expires_in": 900,
                        "url": f"{v.S3}/tmp/2026-11-27/{v.UPLOAD}/tom.jpg?{v.SIGNED}",
                        "method": "PUT",
                        "headers": {"Content-Type": "image/jpeg", "Content-Length": "48211"},
                    }
                ],
                "rejected": [
                    {
                        "client_id": "",
                        "name": "notes.pdf",
                        "code": "unsupported_type",
                        "reason": "notes.pdf is not a JPEG, PNG or WebP picture.",
                    }
                ],
            }
        },
        problems=(
            "project_not_open",
            "own_pictures_off",
            "course_storage_full",
            "storage_full",
            "too_many_bytes",
            "too_many_files",
            "too_many_uploads",
        ),
    ),
    "uploads_list": Operation(
        answers={
            200: {
                "uploads": [
                    {
                        "id": v.UPLOAD,
                        "client_id": "b2f0c6a1-tom",
                        "name": "tom.jpg",
                        "bytes": 48211,
                        "sha256": v.SHA256,
                        "label": "cat",
                        "state": "arrived",
                        "created_at": v.TIME,
                    }
                ],
                "next": None,
            }
        },
        problems=("project_not_open", "cursor_invalid"),
    ),
    "uploads_confirm": Operation(
        request={"uploads": [v.UPLOAD, v.EXPORT]},
        answers={
            200: {
                "arrived": [v.UPLOAD],
                "missing": [
                    {
                        "id": v.EXPORT,
                        "name": "",
                        "code": "upload_unknown",
                        "reason": "This picture is not among your uploads. Choose it again.",
                    }
                ],
            }
        },
        problems=("project_not_open", "too_many_files"),
    ),
    "uploads_discard": Operation(
        request={"uploads": [v.UPLOAD]}, answers={200: {"discarded": 1}}, problems=("project_not_open",)
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
            "in_trash",
            "training_set_not_ready",
            "base_missing",
            "label_invalid",
            "masks_decide",
            "nothing_to_do",
            "too_many_changes",
            "too_many_files",
            "task_differs",
            "upload_repeated",
            "upload_unknown",
        ),
    ),
    "project_training_sets": Operation(
        answers={200: {"results": [TRAINING_SET_VALUE], "next": None}}, problems=("cursor_invalid",)
    ),
    "training_sets_read": Operation(answers={200: TRAINING_SET_VALUE}),
    "training_sets_change": Operation(
        request={"newest": 2, "relabels": {v.SHA256: "dog"}, "split": {"validation": 0.2, "seed": 7}},
        answers={202: PREPARING_VALUE},
        problems=(
            *CHANGE_PROBLEMS,
            "changes_contradict",
            "class_unknown",
            "classes_fixed",
            "label_invalid",
            "masks_decide",
            "nothing_to_do",
            "too_many_changes",
        ),
    ),
    "training_sets_revert": Operation(
        request={"newest": 3}, answers={202: PREPARING_VALUE}, problems=(*CHANGE_PROBLEMS, "nothing_to_do")
    ),
    "training_sets_import": Operation(
        request={"upload": v.UPLOAD},
        answers={202: PREPARING_VALUE},
        problems=("project_not_open", "own_pictures_off", "upload_incomplete", "upload_unknown"),
    ),
    "training_sets_report": Operation(
        answers={200: {"lines": TRAINING_SET_VALUE["report"], "next": None}}, problems=("cursor_invalid", "report_gone")
    ),
    "exports_create": Operation(
        answers={202: EXPORT_VALUE}, problems=("project_not_open", "in_trash", "training_set_not_ready")
    ),
    "exports_read": Operation(
        answers={
            200: {
                **EXPORT_VALUE,
                "state": "ready",
                "done": 121,
                "bytes": 5120000,
                "url": f"{v.S3}/tmp/2026-11-27/exports/{v.EXPORT}.zip?{v.SIGNED}",
            }
        }
    ),
    "training_sets_leakage": Operation(
        answers={200: LEAKAGE_VALUE}, problems=("staff_only", "nothing_to_compare", "training_set_not_ready")
    ),
    "leakage_list": Operation(
        answers={200: {"results": [LEAKAGE_VALUE], "next": None}}, problems=("staff_only", "cursor_invalid")
    ),
    "training_sets_images": Operation(
        answers={200: {"images": [IMAGE_VALUE], "next": None}}, problems=("cursor_invalid", "training_set_not_ready")
    ),
    "hidden_test_set_read": Operation(
        answers={200: {"set": HIDDEN_VALUE, "images": [{**IMAGE_VALUE, "split": "test"}], "next": None}},
        problems=("staff_only", "cursor_invalid", "no_hidden_test_set"),
    ),
    "workshop_fork": Operation(
        request={"base": v.STARTER_SET},
        answers={202: {**PREPARING_VALUE, "changes": {**PREPARING_VALUE["changes"], "kind": "forked"}}},
        problems=("author_only", "project_not_open", "not_found", "not_a_workshop", "task_differs"),
    ),
    "workshop_publish": Operation(
        request={
            "training_set": v.TRAINING_SET,
            "kind": "starter",
            "set": None,
            "title": "Garden birds",
            "description": "Tits and sparrows at the feeder, in winter.",
            "licence": "CC BY 4.0",
            "credits": "Photographs by the class of 2025.",
            "against": "cats-and-dogs-hidden",
            "despite_leakage": False,
        },
        answers={202: PUBLICATION_VALUE},
        problems=(
            "author_only",
            "project_not_open",
            "not_found",
            "in_trash",
            "leakage_found",
            "library_full",
            "training_set_not_ready",
            "publication_invalid",
        ),
    ),
    "workshop_publication": Operation(
        answers={200: {**PUBLICATION_VALUE, "state": "ready", "progress": {"done": 244, "total": 244}}},
        problems=("author_only", "not_found"),
    ),
}
