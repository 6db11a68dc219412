"""Who is calling: the one value every view of `/api/v1` decides with."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from axons_service.sites.models import Site


class Role(StrEnum):
    LEARNER = "learner"
    GRADER = "grader"
    AUTHOR = "author"
    SITE = "site"  # the LMS itself, for no exercise: user retirement


@dataclass(frozen=True)
class Caller:
    """An authenticated caller. `project` is set for a browser's read token and confines it to that project."""

    site: Site
    learner: str
    role: Role
    course: str
    usage: str
    project: UUID | None = None
    knows_deadline: bool = False  # whether the LMS said when this person's work is due; older XBlocks do not
    closes_at: datetime | None = None  # when handing in ends for this person by the LMS; None for never
    knows_results: bool = False  # whether the LMS said when this person sees scores; older XBlocks do not
    results_from: datetime | None = None  # from when on they do; None for always, the year 9999 for never

    @property
    def is_staff(self) -> bool:
        """Whether the LMS says that this person may see other learners' work in this exercise."""
        return self.role in (Role.GRADER, Role.AUTHOR)
