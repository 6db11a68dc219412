"""The block as the platform sees it: views, fields, OLX, scores."""

from __future__ import annotations

import ast
import gettext
import json
import sys
from importlib.metadata import entry_points
from io import BytesIO
from pathlib import Path

import pytest
from django.utils import translation
from lxml import etree
from webob import Request
from xblock.runtime import DictKeyValueStore, KvsFieldData
from xblock.scorable import Score

import axons_xblock
from axons_xblock.block import AxonsXBlock
from axons_xblock.errors import Problem
from axons_xblock.spec import default_spec, spec_hash, templates
from tests.xblock.platform import (
    CourseKey,
    CourseMasquerade,
    LmsRuntime,
    StudioRuntime,
    UsageKey,
    User,
    anonymous,
    anonymous_id,
)
from tests.xblock.support import (
    ADA,
    GRACE,
    GRADED,
    SITE_PRIVATE,
    TrainingService,
    bundle,
    call,
    deliver,
    grade_body,
    make_block,
    settings,
    submission,
)

PACKAGE = Path(axons_xblock.__file__).parent


# --- Views ---


def test_the_student_view_loads_the_front_end_from_the_blocks_own_files() -> None:
    fragment = make_block(display_name="Flowers", weight=2.0, spec=GRADED).student_view()

    assert [(one.kind, one.mimetype, one.data) for one in fragment.resources] == [
        ("url", "text/css", "/static/xblock/resources/axons_xblock/static/axons.0123abcd.css"),
        ("url", "application/javascript", "/static/xblock/resources/axons_xblock/static/axons.0123abcd.js"),
    ]
    assert fragment.js_init_fn == "AxonsBlock"
    args = fragment.json_init_args
    assert args["view"] == "student"
    assert args["static_base"] == "/static/xblock/resources/axons_xblock/static/"
    assert (args["display_name"], args["weight"], args["catalogue"]) == ("Flowers", 2.0, {})
    assert set(args["handlers"]) == {
        "open",
        "read",
        "uploads",
        "uploads_confirm",
        "uploads_discard",
        "training_set_create",
        "training_set_change",
        "training_set_revert",
        "training_set_import",
        "export_create",
        "job_create",
        "job_cancel",
        "submission_create",
        "trash_put",
        "trash_restore",
        "trash_purge",
    }
    assert all(url.endswith(f"/handler/{name}") for name, url in args["handlers"].items())


def test_course_staff_get_the_staff_handlers_too() -> None:
    args = make_block(user=GRACE).student_view().json_init_args

    assert args["can_grade"] is True
    assert {"staff_submissions", "staff_review", "staff_leakage"} <= set(args["handlers"])


@pytest.mark.parametrize("user", [ADA, GRACE])
def test_no_secret_and_no_hidden_test_set_is_in_the_page(user: User) -> None:
    fragment = make_block(user=user, spec=GRADED).student_view()
    page = fragment.content + json.dumps(fragment.json_init_args) + fragment.head_html() + fragment.foot_html()

    assert "flowers-secret" not in page
    assert "PRIVATE KEY" not in page
    assert SITE_PRIVATE.splitlines()[1] not in page
    assert "127.0.0.1:9" not in page  # where the LMS reaches the service is not for browsers
    assert "handler_noauth" not in page


def test_a_visitor_sees_a_sentence_and_no_front_end() -> None:
    block = make_block(user=anonymous(), display_name="<b>Flowers</b>")

    for fragment in (block.student_view(), make_block().public_view()):
        assert "Log in and enrol in this course" in fragment.content
        assert not fragment.resources
    assert "&lt;b&gt;Flowers" in block.student_view().content


def test_without_a_user_service_the_view_is_a_sentence() -> None:
    block = make_block()
    block.runtime._services["user"] = None

    assert "Log in" in block.student_view().content


def test_an_author_sees_the_spec_and_can_try_the_exercise() -> None:
    args = make_block(user=GRACE, runtime=StudioRuntime, spec=GRADED).author_view().json_init_args

    assert (args["view"], args["spec"]) == ("author", GRADED)
    assert args["handlers"]["open"].endswith("/handler/open")  # without the empty query


def test_the_studio_view_has_the_editors_handlers_alone() -> None:
    args = make_block(user=GRACE, runtime=StudioRuntime).studio_view().json_init_args

    assert set(args["handlers"]) == {"studio_load", "studio_save"}
    assert args["workshop"]["publish"].endswith("/handler/studio_workshop/publish")
    assert "job_create" not in args["workshop"]


def test_the_front_end_gets_the_readers_language() -> None:
    class German:
        """xmodule/modulestore/django.py: XBlockI18nService"""

        def __init__(self) -> None:
            self.translator = gettext.NullTranslations()
            self.translator._catalog = {  # type: ignore[attr-defined]
                "": "Language: de",
                "Train": "Trainieren",
                ("{n} image", 0): "{n} Bild",
                ("{n} image", 1): "{n} Bilder",
            }

        def gettext(self, text: str) -> str:
            return {"Log in and enrol in this course to use this exercise.": "Bitte anmelden."}.get(text, text)

    block = make_block()
    block.runtime._services["i18n"] = German()

    with translation.override("de"):
        assert block.student_view().json_init_args["locale"] == "de"
    assert block.student_view().json_init_args["catalogue"] == {
        "Train": "Trainieren",
        "{n} image": ["{n} Bild", "{n} Bilder"],
    }
    assert "Bitte anmelden." in block.public_view().content


def test_instructions_reach_the_page_as_safe_html() -> None:
    args = make_block(instructions="<b onclick='x()'>Look</b>\n").student_view().json_init_args

    assert args["instructions"] == "<b>Look</b>"


# --- OLX ---


def exported(block: AxonsXBlock) -> bytes:
    olx = BytesIO()
    block.runtime.export_to_xml(block, olx)
    return olx.getvalue()


def imported(olx: bytes) -> AxonsXBlock:
    runtime = LmsRuntime(user=ADA, people=[], settings={}, field_data=KvsFieldData(DictKeyValueStore()))
    runtime.load_block_type = lambda _name: AxonsXBlock
    return runtime.get_block(runtime.parse_xml_string(olx))


def test_an_exercise_survives_export_and_import() -> None:
    spec = GRADED | {"starter_set": 'ä "quoted" <set> & more', "time_limit_minutes": 30}
    spec["hyperparameters"] = {**spec["hyperparameters"], "learning_rate": {"min": 1e-05, "max": 0.1, "default": 3e-04}}
    block = make_block(display_name="Blüten", weight=2.5, instructions="Line 1\n\n<Line> 2 & 3\n", spec=spec)

    again = imported(exported(block))

    assert again.spec == spec
    assert spec_hash(again.spec) == spec_hash(spec)
    assert (again.display_name, again.weight) == ("Blüten", 2.5)
    assert again.instructions == "Line 1\n\n<Line> 2 & 3\n"
    assert exported(again) == exported(block)


def test_a_new_exercise_survives_export_and_import() -> None:
    again = imported(exported(make_block()))

    assert (again.spec, again.effective_spec(), again.instructions) == ({}, default_spec(), "")


@pytest.mark.parametrize("instructions", ["", None])
def test_empty_instructions_survive(instructions: str | None) -> None:
    assert not imported(exported(make_block(instructions=instructions))).instructions


def test_an_empty_weight_counts_as_one_point() -> None:
    block = imported(exported(make_block(weight=None, spec=GRADED)))

    assert block.weight is None
    assert block.max_score() == 1.0


def test_olx_holds_no_secret_and_nothing_of_the_learner() -> None:
    olx = exported(make_block(spec=GRADED, score=0.5, grade_revision=4, project="p-1"))
    node = etree.fromstring(olx)

    assert set(node.attrib) == {"xblock-family"}
    assert b"PRIVATE" not in olx


def test_olx_by_hand_may_leave_everything_out() -> None:
    assert imported(b"<axons/>").effective_spec() == default_spec()


def test_a_broken_spec_in_olx_is_an_error_and_not_another_exercise() -> None:
    with pytest.raises(ValueError, match="JSON object"):
        imported(b'<axons xmlns:option="http://code.edx.org/xblock/option"><option:spec>[1]</option:spec></axons>')


def test_every_template_is_a_spec_of_its_own() -> None:
    first, second = templates(), templates()
    first[0]["spec"]["hyperparameters"]["epochs"]["max"] = 999

    assert second[0]["spec"]["hyperparameters"]["epochs"]["max"] != 999
    assert {template["spec"]["kind"] for template in second} == {"training", "inference"}


# --- Scores ---


@pytest.mark.parametrize("weight", [0.0, 1.0, 12.5])
def test_the_maximum_is_the_weight(weight: float) -> None:
    assert make_block(weight=weight, spec=GRADED).max_score() == weight


def test_an_exercise_without_grading_takes_no_points_from_anyone() -> None:
    assert make_block(weight=5.0, spec=GRADED | {"grading": None}).max_score() == 0.0


def test_there_is_no_answer_before_the_first_score() -> None:
    block = make_block(spec=GRADED)

    assert not block.has_submitted_answer()
    block.location = "here"
    with pytest.raises(ValueError, match="unanswered"):
        block.rescore(only_if_higher=False)


def test_a_score_of_zero_is_an_answer() -> None:
    assert make_block(spec=GRADED, score=0.0).has_submitted_answer()


def test_the_lms_overrides_a_score_as_its_instructor_task_does() -> None:
    """lms/djangoapps/instructor_task/tasks_helper/module_state.py: override_score_module_state"""
    block = make_block(spec=GRADED, weight=4.0, score=0.25, grade_revision=1)
    points = 3.0

    block.set_score(Score(raw_earned=points / block.weight, raw_possible=block.max_score() / block.weight))
    block.publish_grade()

    assert block.runtime.gradebook == {ADA.id: (3.0, 4.0)}
    assert block.get_score() == Score(3.0, 4.0)


@pytest.mark.parametrize(("score", "share"), [(Score(9, 4), 1.0), (Score(-1, 4), 0.0), (Score(1, 0), 0.0)])
def test_a_score_stays_between_nothing_and_all(score: Score, share: float) -> None:
    block = make_block()
    block.set_score(score)

    assert block.score == share


def test_a_rescore_publishes_what_the_service_says_and_leaves_the_state_to_the_lms(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/projects/open", bundle(submissions=[submission(2, 1.0)], best_score=1.0))
    block = make_block(spec=GRADED, weight=2.0, score=0.5, grade_revision=1, xblock_settings=settings(service.url))

    block.rescore(only_if_higher=True)

    assert block.runtime.journal == [("grade", {"value": 2.0, "max_value": 2.0, "only_if_higher": True})]
    assert (block.score, block.grade_revision) == (0.5, 1)


def test_a_rescore_without_the_service_fails_and_changes_nothing() -> None:
    block = make_block(spec=GRADED, score=0.5)

    with pytest.raises(Problem, match="does not answer"):
        block.rescore(only_if_higher=False)
    assert block.runtime.journal == []


@pytest.mark.parametrize("how", [CourseMasquerade("student"), CourseMasquerade("student", "ada")])
def test_whoever_masquerades_publishes_nothing(how: CourseMasquerade) -> None:
    block = make_block(user=User(GRACE.id, masquerade_settings={CourseKey(): how}), spec=GRADED, score=1.0)

    block.publish_grade()

    assert block.runtime.journal == []


def test_a_learners_state_can_be_cleared() -> None:
    block = make_block(score=0.5, grade_revision=4, project="p-1")

    block.clear_student_state(
        user_id=anonymous_id(ADA), course_id=str(CourseKey()), item_id=str(UsageKey()), requesting_user_id="x"
    )

    assert (block.score, block.grade_revision, block.project) == (None, 0, "")


def test_clearing_another_learners_state_leaves_this_one() -> None:
    block = make_block(score=0.5, grade_revision=4)

    block.clear_student_state(user_id="f" * 32, course_id="c", item_id="i", requesting_user_id="x")

    assert (block.score, block.grade_revision) == (0.5, 4)


def test_after_a_reset_the_next_grade_counts_at_once() -> None:
    deliver(make_block(user=anonymous(), spec=GRADED), grade_body(revision=3))
    fresh = make_block(user=anonymous(), spec=GRADED)  # the LMS deleted the state
    assert deliver(fresh, grade_body(revision=3)).status_code == 503

    fresh.clear_student_state(user_id=anonymous_id(ADA), course_id="c", item_id="i", requesting_user_id="x")

    again = make_block(user=anonymous(), spec=GRADED)
    assert deliver(again, grade_body(revision=3)).json["status"] == "applied"


# --- What the platform asks ---


def test_the_platform_finds_what_it_looks_for() -> None:
    assert AxonsXBlock.has_score
    assert AxonsXBlock.icon_class == "problem"
    assert AxonsXBlock.has_author_view
    assert AxonsXBlock.show_in_read_only_mode
    assert AxonsXBlock.has_custom_completion
    assert AxonsXBlock.weight.scope.block is make_block().fields["weight"].scope.block
    assert make_block().has_support(AxonsXBlock.student_view, "multi_device")
    assert not AxonsXBlock.has_children


def test_only_i18n_is_needed_the_rest_is_wanted() -> None:
    wanted = {name: AxonsXBlock.service_declaration(name) for name in ("user", "settings", "completion", "rebind_user")}

    assert AxonsXBlock.service_declaration("i18n") == "need"
    assert set(wanted.values()) == {"want"}


def test_no_handler_lets_a_browser_publish_an_event() -> None:
    handlers = {name for name in dir(AxonsXBlock) if getattr(getattr(AxonsXBlock, name), "_is_xblock_handler", False)}

    assert handlers == {
        "open",
        "read",
        "uploads",
        "uploads_confirm",
        "uploads_discard",
        "training_set_create",
        "training_set_change",
        "training_set_revert",
        "training_set_import",
        "export_create",
        "job_create",
        "job_cancel",
        "submission_create",
        "trash_put",
        "trash_restore",
        "trash_purge",
        "staff_submissions",
        "staff_review",
        "staff_leakage",
        "staff_hidden",
        "staff_overview",
        "staff_overview_learners",
        "staff_not_started",
        "staff_desk",
        "desk",
        "studio_load",
        "studio_save",
        "studio_workshop",
        "grade",
        "student_view_user_state",
    }


def test_the_entry_point_is_the_olx_tag() -> None:
    found = [point for point in entry_points(group="xblock.v1") if point.name == "axons"]
    if not found:
        pytest.skip("axons-xblock is not installed here; tox installs it")
    assert found[0].load() is AxonsXBlock


def test_mobile_apps_get_the_exercise_without_its_test_set() -> None:
    data = make_block(spec=GRADED, weight=2.0).student_view_data()

    assert (data["kind"], data["weight"], data["max_tries"]) == ("training", 2.0, 3)
    assert "flowers" not in json.dumps(data)


def test_mobile_apps_get_the_learners_own_grade() -> None:
    block = make_block(spec=GRADED, weight=2.0, score=0.5, grade_revision=3)

    response = block.runtime.handle(block, "student_view_user_state", Request.blank("/"))

    assert response.json == {"grade": {"earned": 1.0, "possible": 2.0}, "grade_revision": 3}


def test_the_course_search_finds_name_and_instructions() -> None:
    index = make_block(display_name="Flowers", instructions="Look closely.").index_dictionary()

    assert index == {
        "content": {"display_name": "Flowers", "instructions": "Look closely."},
        "content_type": "Axons",
    }


def test_a_library_has_no_grade_callback(service: TrainingService) -> None:
    service.answer("POST", "/api/v1/projects/open", bundle())
    library = UsageKey(context_key=CourseKey("lib:Axons:vision", is_course=False))

    assert call(make_block(usage=library, xblock_settings=settings(service.url)), "open").status_code == 200
    assert service.received[0].body["callback_url"] is None


def test_local_files_are_served_from_static_alone() -> None:
    assert AxonsXBlock.get_public_dir() == "static"
    with pytest.raises(Exception, match="allowed"):
        AxonsXBlock.open_local_resource("conf/locale/en/LC_MESSAGES/text.po")
    with pytest.raises(Exception, match="allowed"):
        AxonsXBlock.open_local_resource("static/../block.py")


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_block_imports_nothing_that_an_lms_lacks(path: Path) -> None:
    known = {"axons_xblock", "xblock", "web_fragments", "webob", "requests", "jwt"}
    if path.parent.name == "lms_plugin":  # an app among the LMS's own
        known |= {"django"}
    tree = ast.parse(path.read_text())
    imported_names = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(tree)
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for alias in node.names
    }
    foreign = {name.partition(".")[0] for name in imported_names} - known

    assert foreign <= sys.stdlib_module_names
