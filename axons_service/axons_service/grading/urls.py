"""Addresses under /api/v1/."""

from django.urls import path

from axons_service.grading import api, desk_api, tasks_api
from axons_service.grading.leaderboard_api import LeaderboardView

urlpatterns = [
    path("submissions", api.SubmissionsView.as_view(), name="submissions"),
    path("submissions/search", api.SubmissionsSearchView.as_view(), name="submissions-search"),
    path("submissions/<uuid:submission_id>", api.SubmissionView.as_view(), name="submission"),
    path("submissions/<uuid:submission_id>/reviews", api.ReviewsView.as_view(), name="submission-reviews"),
    path("submissions/<uuid:submission_id>/desk", desk_api.DeskSubmissionView.as_view(), name="submission-desk"),
    path("submissions/<uuid:submission_id>/lock", desk_api.LockView.as_view(), name="submission-lock"),
    path("submissions/<uuid:submission_id>/allowance", desk_api.AllowanceView.as_view(), name="submission-allowance"),
    path("submissions/<uuid:submission_id>/notes", desk_api.NotesView.as_view(), name="submission-notes"),
    path("leaderboard", LeaderboardView.as_view(), name="leaderboard"),
    path("desk/regrade-preview", tasks_api.RegradePreviewView.as_view(), name="regrade-preview"),
    path("desk/tasks", tasks_api.DeskTasksView.as_view(), name="desk-tasks"),
    path("desk/tasks/<uuid:task_id>", tasks_api.DeskTaskView.as_view(), name="desk-task"),
    path("desk/tasks/<uuid:task_id>/stop", tasks_api.DeskTaskStopView.as_view(), name="desk-task-stop"),
    path("desk/links", desk_api.DeskLinksView.as_view(), name="desk-links"),
    path("desk/links/redeem", desk_api.DeskLinkRedeemView.as_view(), name="desk-link-redeem"),
]
