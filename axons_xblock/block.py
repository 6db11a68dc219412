"""The XBlock: fields, services, and one line for each view and handler."""

from __future__ import annotations

from typing import Any

from web_fragments.fragment import Fragment
from webob import Response
from xblock.completable import CompletableXBlockMixin
from xblock.core import XBlock
from xblock.fields import Float, Integer, Scope, String
from xblock.scorable import ScorableXBlockMixin, Score
from xblock.utils.settings import XBlockWithSettingsMixin

from axons_xblock import access, compat, deskpage, views
from axons_xblock.errors import Problem, gettext_noop
from axons_xblock.handlers import Json, answer, json_handler, json_response, read_json
from axons_xblock.handlers.desk import DeskAPI
from axons_xblock.handlers.grade import GradeAPI
from axons_xblock.handlers.overview import OverviewAPI
from axons_xblock.handlers.staff import StaffAPI
from axons_xblock.handlers.student import StudentAPI
from axons_xblock.handlers.studio import StudioAPI
from axons_xblock.handlers.workshop import WorkshopAPI
from axons_xblock.spec import Spec, SpecField, default_spec

DEFAULT_WEIGHT = 1.0


@XBlock.needs("i18n")
@XBlock.wants("user")
@XBlock.wants("settings")
@XBlock.wants("completion")  # the LMS's publish service asks for it in the block's name
@XBlock.wants("replace_urls")
@XBlock.wants("rebind_user")
class AxonsXBlock(ScorableXBlockMixin, CompletableXBlockMixin, XBlockWithSettingsMixin, XBlock):
    """An exercise in which students train, or try, an image model."""

    block_settings_key = "axons"
    public_dir = "static"
    i18n_js_namespace = "AxonsI18N"
    icon_class = "problem"
    has_score = True
    has_author_view = True
    show_in_read_only_mode = True

    display_name = String(
        display_name=gettext_noop("Display name"),
        help=gettext_noop("The name of this exercise in the course."),
        default=gettext_noop("Train an image model"),
        scope=Scope.settings,
    )
    weight = Float(
        display_name=gettext_noop("Weight"),
        help=gettext_noop("How many points the exercise is worth."),
        default=DEFAULT_WEIGHT,
        values={"min": 0},
        scope=Scope.settings,
    )
    instructions = String(
        display_name=gettext_noop("Instructions"),
        help=gettext_noop("What students read above the exercise."),
        default="",
        multiline_editor=True,
        scope=Scope.content,
        xml_node=True,
    )
    spec = SpecField(help=gettext_noop("The exercise's configuration."), default={}, scope=Scope.content)

    grade_revision = Integer(help="The newest grade revision that was applied.", default=0, scope=Scope.user_state)
    score = Float(help="The learner's score, 0 to 1; empty before the first.", default=None, scope=Scope.user_state)
    project = String(help="The learner's project at the service.", default="", scope=Scope.user_state)

    # --- Views ---

    @XBlock.supports("multi_device")
    def student_view(self, context: Any = None) -> Fragment:
        """The exercise in the LMS."""
        return views.student_view(self)

    @XBlock.supports("multi_device")
    def public_view(self, context: Any = None) -> Fragment:
        """What a visitor of a public course sees: there is nothing to do without an account."""
        return views.notice(
            self, Problem(401, "login_required", gettext_noop("Log in and enrol in this course to use this exercise."))
        )

    def author_view(self, context: Any = None) -> Fragment:
        """The exercise in Studio's unit page."""
        return views.author_view(self)

    def studio_view(self, context: Any = None) -> Fragment:
        """The editor in Studio."""
        return views.studio_view(self)

    def student_view_data(self, context: Any = None) -> Json:
        """For mobile apps: what the exercise is, without the names of test sets or anything secret."""
        spec = self.effective_spec()
        public = ("kind", "task", "architectures", "own_pictures", "max_tries", "time_limit_minutes")
        return {
            "display_name": self.display_name,
            "instructions": self.instructions,
            "weight": self.max_score(),
            **{name: spec.get(name) for name in public},
        }

    def index_dictionary(self) -> Json:
        """What the course search finds."""
        parent = getattr(super(), "index_dictionary", None)
        index: Json = parent() if parent else {}
        content = {"display_name": self.display_name, "instructions": self.instructions}
        return {**index, "content": {**index.get("content", {}), **content}, "content_type": "Axons"}

    # --- Student handlers ---

    @json_handler
    def open(self, data: Json) -> Json:
        """Register the viewer's project."""
        return StudentAPI(self).open(data)

    @json_handler
    def read(self, data: Json) -> Any:
        """Read from the service."""
        return StudentAPI(self).read(data)

    @json_handler
    def uploads(self, data: Json) -> Any:
        """Ask for places to upload pictures to."""
        return StudentAPI(self).uploads(data)

    @json_handler
    def uploads_confirm(self, data: Json) -> Any:
        """Ask which uploads the store has."""
        return StudentAPI(self).uploads_confirm(data)

    @json_handler
    def uploads_discard(self, data: Json) -> Any:
        """Throw uploads away."""
        return StudentAPI(self).uploads_discard(data)

    @json_handler
    def training_set_create(self, data: Json) -> Any:
        """Make the next version of a training set."""
        return StudentAPI(self).training_set_create(data)

    @json_handler
    def training_set_change(self, data: Json) -> Any:
        """Change a training set by hand."""
        return StudentAPI(self).training_set_change(data)

    @json_handler
    def training_set_revert(self, data: Json) -> Any:
        """Go back to an older version."""
        return StudentAPI(self).training_set_revert(data)

    @json_handler
    def training_set_import(self, data: Json) -> Any:
        """Make a training set from a zip."""
        return StudentAPI(self).training_set_import(data)

    @json_handler
    def export_create(self, data: Json) -> Any:
        """Ask for a training set as a zip."""
        return StudentAPI(self).export_create(data)

    @json_handler
    def job_create(self, data: Json) -> Any:
        """Ask for a training or an inference."""
        return StudentAPI(self).job_create(data)

    @json_handler
    def job_cancel(self, data: Json) -> Any:
        """Stop a job."""
        return StudentAPI(self).job_cancel(data)

    @json_handler
    def submission_create(self, data: Json) -> Any:
        """Hand in a model."""
        return StudentAPI(self).submission_create(data)

    @json_handler
    def trash_put(self, data: Json) -> Any:
        """Delete something, with 14 days to undo it."""
        return StudentAPI(self).trash_put(data)

    @json_handler
    def trash_restore(self, data: Json) -> Any:
        """Undo a deletion."""
        return StudentAPI(self).trash_restore(data)

    @json_handler
    def trash_purge(self, data: Json) -> Any:
        """Delete something for good."""
        return StudentAPI(self).trash_purge(data)

    @XBlock.handler
    def student_view_user_state(self, request: Any, suffix: str = "") -> Response:
        """For mobile apps: the learner's own grade."""
        score = self.shown_score()
        return json_response(
            {
                "grade": {"earned": score.raw_earned, "possible": score.raw_possible} if score else None,
                "grade_revision": self.grade_revision,
            }
        )

    # --- Staff, Studio and service handlers ---

    @json_handler
    def staff_submissions(self, data: Json) -> Json:
        """List the exercise's submissions (course staff only)."""
        return StaffAPI(self).submissions(data)

    @json_handler
    def staff_review(self, data: Json) -> Json:
        """Review a submission (course staff only)."""
        return StaffAPI(self).review(data)

    @json_handler
    def staff_leakage(self, data: Json) -> Json:
        """List training sets that hold hidden pictures (course staff only)."""
        return StaffAPI(self).leakage(data)

    @json_handler
    def staff_hidden(self, data: Json) -> Json:
        """Show the hidden test set's pictures (course staff only)."""
        return StaffAPI(self).hidden(data)

    @json_handler
    def staff_overview(self, data: Json) -> Json:
        """Say how the class gets on (course staff only)."""
        return OverviewAPI(self).summary(data)

    @json_handler
    def staff_overview_learners(self, data: Json) -> Json:
        """List the learners who opened the exercise (course staff only)."""
        return OverviewAPI(self).learners(data)

    @json_handler
    def staff_not_started(self, data: Json) -> Json:
        """List who is enrolled and has not opened the exercise (course staff only)."""
        return OverviewAPI(self).not_started(data)

    @json_handler
    def staff_desk(self, data: Json) -> Any:
        """Whatever else graders do at their desk (course staff only)."""
        return DeskAPI(self).act(data)

    @XBlock.handler
    def desk(self, request: Any, suffix: str = "") -> Response:
        """The desk as a full page, behind a one-time link."""
        return deskpage.serve(self, request)

    @json_handler
    def studio_load(self, data: Json) -> Json:
        """Load the exercise for its author."""
        return StudioAPI(self).load(data)

    @json_handler
    def studio_save(self, data: Json) -> Json:
        """Save the exercise."""
        return StudioAPI(self).save(data)

    @XBlock.handler
    def studio_workshop(self, request: Any, suffix: str = "") -> Response:
        """Make a set for the library; the suffix says what to do."""
        return answer(self, lambda: WorkshopAPI(self).act(suffix, read_json(request)))

    @XBlock.handler
    def grade(self, request: Any, suffix: str = "") -> Response:
        """The service's signed callback."""
        return answer(self, lambda: GradeAPI(self).receive(request))

    # --- Scores ---

    def effective_spec(self) -> Spec:
        """The author's spec, or the default of a new exercise."""
        spec: Spec = self.spec or default_spec()
        return spec

    def is_graded(self) -> bool:
        """Whether the exercise gives a score at all: one that only tries a supplied model does not."""
        return self.effective_spec().get("grading") is not None

    def weight_or_default(self) -> float:
        """The author's weight; an import may have emptied it."""
        return DEFAULT_WEIGHT if self.weight is None else float(self.weight)

    def max_score(self) -> float:
        """The points to be had: the weight, or none in an exercise without grading."""
        return self.weight_or_default() if self.is_graded() else 0.0

    def has_submitted_answer(self) -> bool:
        """Whether the learner has a score."""
        return self.score is not None

    def get_score(self) -> Score:
        """The learner's score in points."""
        return Score(raw_earned=(self.score or 0.0) * self.max_score(), raw_possible=self.max_score())

    def shown_score(self) -> Score | None:
        """The learner's score as they may see it: None before the first, and while the author keeps it back."""
        return None if access.results_hidden(self) or not self.has_submitted_answer() else self.get_score()

    def set_score(self, score: Score) -> None:
        """Keep a score that the LMS sets when staff override one; its scale is its own."""
        possible = float(score.raw_possible or 0)
        share = float(score.raw_earned) / possible if possible else 0.0
        self.score = min(1.0, max(0.0, share))

    def calculate_score(self) -> Score:
        """The score that the service has now; raises `Problem` when it cannot say."""
        share = StudentAPI(self).current_score()
        points = self.max_score()
        return Score(raw_earned=(self.score if share is None else share) * points, raw_possible=points)

    def publish_grade(self, score: Score | None = None, only_if_higher: bool | None = None) -> None:
        """Tell the LMS the learner's grade; also called by the LMS after `set_score`."""
        if compat.masquerades(self):
            return
        self._publish_grade(score or self.get_score(), only_if_higher)

    def clear_student_state(self, *, user_id: str, **_ids: Any) -> None:
        """Staff deleted a learner's state (`user_id` is the anonymous id); the LMS deletes the fields itself."""
        compat.applied_revisions(self, user_id).forget()
        if compat.viewer(self).anonymous_id == user_id:
            for name in ("grade_revision", "score", "project"):
                self.fields[name].delete_from(self)

    # --- OLX ---

    def add_xml_to_node(self, node: Any) -> None:
        """Export what authors wrote; what learners did stays here."""
        super().add_xml_to_node(node)
        for name, field in self.fields.items():
            if field.scope not in (Scope.content, Scope.settings, Scope.children):
                node.attrib.pop(name, None)

    # --- XBlock SDK ---

    @staticmethod
    def workbench_scenarios() -> list[tuple[str, str]]:
        """An exercise to look at in the XBlock SDK."""
        return [("Axons", "<axons/>")]
