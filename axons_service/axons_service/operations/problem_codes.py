"""Every problem code of the service: its status, its title, and what the reader can do about it.

Codes are stable: a program may decide by them. A new `Problem(status, code, …)` gets its line here; docs/api.md and the
OpenAPI document are written from this table.
"""

from typing import NamedTuple


class Code(NamedTuple):
    """A kind of refusal. The `detail` of an answer says the particulars; `sentence` is the general remedy."""

    status: int
    title: str
    sentence: str


CODES: dict[str, Code] = {
    # the request itself
    "body_malformed": Code(400, "Body is not JSON", "Send one JSON document in UTF-8, without NaN, NUL or surrogates."),
    "bad_request": Code(400, "Request cannot be read", "Send well-formed HTTP for this address."),
    "cursor_invalid": Code(400, "Cursor is not ours", "Use a cursor exactly as an earlier answer gave it."),
    "idempotency_key_missing": Code(400, "No Idempotency-Key", "Send an Idempotency-Key of 1 to 100 characters."),
    "invalid_request": Code(400, "Request is not valid", "Correct the fields that `errors` names."),
    "method_not_allowed": Code(405, "Method not allowed", "Use one of the methods in the Allow header."),
    "body_too_large": Code(413, "Body is too large", "Send at most 1 MiB; files go straight to the object store."),
    "unsupported_media_type": Code(415, "Not JSON", "Send Content-Type: application/json."),
    "precondition_failed": Code(412, "Changed meanwhile", "Read it again, look at the change, and repeat the request."),
    "rate_limited": Code(
        429, "Too many requests", "Wait for Retry-After seconds. Nothing was done and no try is lost."
    ),
    "internal_error": Code(500, "Our fault", "Try again in a moment; your work is safe and no try is lost."),
    # who is calling
    "attempt_token": Code(401, "Not this attempt's token", "Stop this work and claim another job."),
    "enrolment_token": Code(401, "Not an enrolment token", "Start the runner with the token of its own machine."),
    "not_authenticated": Code(401, "No credentials", "Sign the request and send it again."),
    "pool_token": Code(401, "Not a pool's token", "Use the token that `pool_register` set for an active pool."),
    "runner_token": Code(401, "Another runner's token", "Claim under the name that the token was made for."),
    "token_algorithm": Code(401, "Wrong algorithm", "Sign with EdDSA."),
    "token_audience": Code(401, "Token for someone else", "Use the audience that this address asks for."),
    "token_claims": Code(401, "Claims missing or malformed", "Send every claim that the contract names."),
    "token_expired": Code(401, "Token has expired", "Ask for a new one; if it was new, set both clocks by NTP."),
    "token_issuer": Code(401, "Unknown site", "Register the site, or switch it on again."),
    "token_key": Code(401, "Unknown signing key", "Register the site's public key under this kid."),
    "token_lifetime": Code(401, "Token lives too long", "Mint request tokens for at most 60 seconds."),
    "token_malformed": Code(401, "Not a signed token", "Send a JWT as bearer token."),
    "token_not_yet": Code(401, "Token from the future", "Set the clocks of the LMS and of the service by NTP."),
    "token_replayed": Code(401, "Token is spent", "Mint a new token for every request that changes something."),
    "token_signature": Code(401, "Signature does not fit", "Sign with the private key of the registered public key."),
    # what the caller may do
    "metrics_token": Code(401, "Not the metrics token", "Send the metrics token of this service as a bearer."),
    "author_only": Code(403, "For authors", "Ask an author of the course."),
    "forbidden": Code(403, "Not allowed here", "Ask the person whose work it is."),
    "other_exercise": Code(403, "Another exercise", "Name the exercise of the token."),
    "own_pictures_off": Code(403, "No pictures of your own", "Use the pictures that the exercise offers."),
    "site_only": Code(403, "For the LMS itself", "Send it with a token of the role site."),
    "staff_only": Code(403, "For course staff", "Ask the course staff."),
    "token_read_only": Code(403, "Token only reads", "Make changes through the course page."),
    "no_batch": Code(404, "One picture only", "Ask for the prediction of this job."),
    "no_hidden_test_set": Code(404, "No hidden test set", "Name one in the exercise's settings."),
    "no_leaderboard": Code(404, "No leaderboard", "Ask the author, who may switch it on in the exercise's settings."),
    "not_found": Code(404, "Nothing here", "Check the address and whether it is yours."),
    "nothing_to_compare": Code(404, "No hidden test set", "This training set is compared with no hidden test set."),
    "project_not_open": Code(404, "Exercise not opened yet", "Reload the page: POST projects/open comes first."),
    # the state of things
    "attempt_superseded": Code(409, "Attempt is over", "Stop this work and claim another job."),
    "budget_used_up": Code(409, "Compute budget used up", "`detail` says who can raise it; no try is lost."),
    "batch_unfinished": Code(409, "Pictures are not done", "Wait until the job has succeeded."),
    "course_storage_full": Code(
        409, "The course's storage is full", "Tell the course staff; nothing you made is lost."
    ),
    "enrolment_used": Code(409, "Enrolled already", "An enrolment token works once; let the machine be replaced."),
    "in_trash": Code(409, "It is in the trash", "Restore it first, then use it."),
    "in_use": Code(409, "It is in use", "`detail` says by what; delete it when that is over."),
    "nothing_to_delete": Code(409, "Nothing to delete", "What was handed in stays."),
    "storage_full": Code(409, "Your storage is full", "`detail` says what uses it; delete what you no longer need."),
    "trash_restored": Code(409, "It was restored", "Delete it again first."),
    "version_conflict": Code(
        409, "A newer version is there", "Look at the newest version, then make your changes again."
    ),
    "report_gone": Code(410, "Report is gone", "Upload the pictures again for a new report."),
    "trash_gone": Code(410, "Deleted for good", "It cannot be brought back."),
    "service_unavailable": Code(
        503, "Not whole for a moment", "Wait for Retry-After seconds, then repeat the request."
    ),
    "store_unavailable": Code(503, "Object store is away", "Try again in a few minutes; nothing is lost."),
    "idempotency_in_flight": Code(409, "Same request is running", "Repeat it after Retry-After seconds."),
    "hand_in_closed": Code(409, "The due date has passed", "Training goes on; ask the course staff for more time."),
    "no_tries_left": Code(409, "No tries left", "The best score so far counts; a grader can still change it."),
    "not_a_workshop": Code(409, "Not a workshop", "POST workshop/open comes first, under an id of its own."),
    "not_cancellable": Code(409, "Cannot be cancelled", "Wait for the score."),
    "link_spent": Code(410, "Link was used or is too old", "Open the full page again from the course unit."),
    "leakage_found": Code(
        409, "Pictures are in both sets", "Leave out the pictures that `errors` names, or say that it is meant."
    ),
    "library_full": Code(409, "The course's library is full", "Publish fewer pictures, or ask for more room."),
    "locked": Code(409, "Somebody else is grading it", "Wait, or take it over on purpose."),
    "regrade_running": Code(409, "Submissions are being regraded", "Wait until that is over, or stop it."),
    "task_over": Code(409, "It is over already", "There is nothing left to stop."),
    "not_scored": Code(409, "No score yet", "Wait for the score, then review."),
    "training_set_not_ready": Code(409, "Training set not ready", "Wait until it is prepared, then try again."),
    # what was asked for
    "base_missing": Code(422, "No base", "Name the training set to start from."),
    "callback_host_not_registered": Code(422, "Callback host unknown", "Register the host with `site_register`."),
    "exercise_incomplete": Code(422, "Exercise cannot be graded", "Tell the course staff."),
    "changes_contradict": Code(422, "Changes contradict", "Leave a picture out or take it in, not both."),
    "class_unknown": Code(422, "No such class", "Name a class of this version."),
    "classes_fixed": Code(422, "Classes are given", "The educator's pictures give the classes of this exercise."),
    "file_incomplete": Code(422, "File is not complete", "Upload it again to a fresh place."),
    "file_key": Code(422, "Not a key of this attempt", "Use the keys that `uploads` answered."),
    "file_missing": Code(422, "A file is missing", "Upload every file that the contract names, then finish."),
    "file_name": Code(422, "Not a plain file name", "Use letters, digits, dot, dash and underscore."),
    "hidden_test_set_missing": Code(422, "No hidden test set", "Tell the course staff."),
    "hyperparameter_out_of_range": Code(422, "Value out of range", "Stay inside the author's limits."),
    "hyperparameters_invalid": Code(422, "Hyperparameters not valid", "Correct the fields that `errors` names."),
    "idempotency_mismatch": Code(422, "Key of another request", "Send a new key with a new request."),
    "kind_unknown": Code(422, "No such kind of job", "Ask for training or inference."),
    "label_invalid": Code(422, "Label not valid", "Give a label of 1 to 60 letters."),
    "masks_decide": Code(422, "Masks say what is shown", "Add pictures with their masks as a zip, or leave some out."),
    "model_classes_differ": Code(422, "Other classes", "Hand in a model with the classes of this exercise."),
    "model_unknown": Code(422, "No such model", "Use a model of your own project."),
    "not_graded": Code(422, "Exercise is not graded", "There is nothing to hand in here."),
    "nothing_to_do": Code(422, "Nothing to do", "Add, remove or relabel at least one picture."),
    "pool_unavailable": Code(422, "Pool takes no jobs", "Tell the course staff."),
    "result_incomplete": Code(422, "Result is incomplete", "Send what the contract asks for."),
    "review_contradicts": Code(422, "Review contradicts itself", "Set a score or clear it, not both."),
    "publication_invalid": Code(422, "Cannot be published so", "Correct the fields that `errors` names."),
    "reason_missing": Code(422, "No reason given", "Say why, so that others can follow it."),
    "rubric_invalid": Code(422, "Rubric points not valid", "Give every criterion points from 0 to its maximum."),
    "spec_unknown": Code(422, "No such spec", "Open the exercise once, so that its spec is known here."),
    "review_empty": Code(422, "Review says nothing", "Give a score or a comment."),
    "spec_invalid": Code(422, "Settings need a change", "Correct the fields that `errors` names."),
    "task_differs": Code(422, "Made for another task", "Make a new training set, and train a new model."),
    "too_many_bytes": Code(422, "Too many bytes waiting", "Save what you have as a training set first."),
    "too_many_changes": Code(422, "Too many changes", "Change at most 5000 pictures at a time."),
    "too_many_files": Code(422, "Too many files", "Send fewer files at a time; `detail` names the limit."),
    "too_many_uploads": Code(422, "Too many waiting uploads", "Use or leave those that wait; they go after a day."),
    "training_not_offered": Code(422, "No training here", "This exercise is about using a model."),
    "training_set_unknown": Code(422, "No such training set", "Use a training set of your own project."),
    "upload_incomplete": Code(422, "Upload has not arrived", "Upload the picture again."),
    "upload_repeated": Code(422, "Upload named twice", "Name each upload once."),
    "upload_unknown": Code(422, "No such upload", "Upload the picture first."),
}
