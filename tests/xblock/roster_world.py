"""An LMS's tables in memory, asked by `axons_xblock.roster`: `python -m tests.xblock.roster_world` prints JSON.

A process of its own, because Django takes its models once. Each model names the platform file that it imitates.
"""

import json
import statistics
import time
import types
from typing import Any

import django
from django.conf import settings

CROWD, PAGE = 10_000, 50
COURSE, OTHER = "course-v1:Axons+Vision+2026", "course-v1:Axons+Sound+2026"


def main() -> None:
    settings.configure(
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        USE_TZ=True,
    )
    django.setup()
    from django.contrib.auth.models import User
    from django.db import connection, models
    from django.test.utils import CaptureQueriesContext

    class UserProfile(models.Model):
        """common/djangoapps/student/models/user.py"""

        user = models.OneToOneField(User, related_name="profile", on_delete=models.CASCADE)
        name = models.CharField(max_length=255)

        class Meta:
            app_label = "auth"

    class AnonymousUserId(models.Model):
        """common/djangoapps/student/models/user.py"""

        user = models.ForeignKey(User, on_delete=models.CASCADE)
        anonymous_user_id = models.CharField(unique=True, max_length=32)
        course_id = models.CharField(max_length=255)

        class Meta:
            app_label = "auth"

    class CourseUserGroup(models.Model):
        """openedx/core/djangoapps/course_groups/models.py"""

        name = models.CharField(max_length=255)
        users = models.ManyToManyField(User, related_name="course_groups")
        course_id = models.CharField(max_length=255)
        group_type = models.CharField(max_length=20)

        class Meta:
            app_label = "auth"

    class CourseTeam(models.Model):
        """lms/djangoapps/teams/models.py"""

        name = models.CharField(max_length=255)
        course_id = models.CharField(max_length=255)
        topic_id = models.CharField(max_length=255)
        users = models.ManyToManyField(User, related_name="teams", through="CourseTeamMembership")

        class Meta:
            app_label = "auth"

    class CourseTeamMembership(models.Model):
        """lms/djangoapps/teams/models.py"""

        user = models.ForeignKey(User, on_delete=models.CASCADE)
        team = models.ForeignKey(CourseTeam, related_name="membership", on_delete=models.CASCADE)

        class Meta:
            app_label = "auth"

    tables: list[Any] = [UserProfile, AnonymousUserId, CourseUserGroup, CourseTeam, CourseTeamMembership]
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        for table in tables:
            editor.create_model(table)
    people = {}
    for username, name in (("ada", "Ada Lovelace"), ("bob", "Bob Moog"), ("cleo", "Cleo Adair"), ("dan", "Dan Adams")):
        user = people[username] = User.objects.create(username=username)
        UserProfile.objects.create(user=user, name=name)
        for course in (COURSE, OTHER) if username != "dan" else (OTHER,):
            AnonymousUserId.objects.create(user=user, anonymous_user_id=f"{username}@{course[16:22]}", course_id=course)
    groups = (("Morning", COURSE, "cohort", "ada bob"), ("Evening", COURSE, "cohort", "cleo"))
    groups += (("Morning", OTHER, "cohort", "cleo dan"), ("Audit", COURSE, "other", "ada"))
    for name, course, kind, members in groups:
        group = CourseUserGroup.objects.create(name=name, course_id=course, group_type=kind)
        group.users.set([people[member] for member in members.split()])
    teams = (("Blue", COURSE, "a", "ada cleo"), ("Blue", COURSE, "b", "bob"), ("Red", COURSE, "a", "bob"))
    for name, course, topic, members in (*teams, ("Green", OTHER, "a", "ada")):
        team = CourseTeam.objects.create(name=name, course_id=course, topic_id=topic)
        for member in members.split():
            CourseTeamMembership.objects.create(user=people[member], team=team)

    from axons_xblock import roster
    from axons_xblock.handlers.desk import with_names

    block: Any = types.SimpleNamespace(context_key=COURSE, runtime=None)
    found: dict[str, Any] = {
        "cohorts": roster.groups_of(block, roster.COHORTS),
        "teams": roster.groups_of(block, roster.TEAMS),
    }
    wishes = {
        "by name": {"text": "ada"},
        "by cohort": {"cohort": "Morning"},
        "by team": {"team": "Blue"},
        "by all": {"text": "ada", "cohort": "Morning", "team": "Blue"},
        "of another course": {"team": "Green"},
        "no cohort": {"cohort": "Audit"},
    }
    for words, wish in wishes.items():
        with CaptureQueriesContext(connection) as captured:
            found[words] = roster.learners_of(block, **{"text": "", "cohort": "", "team": "", **wish})
        assert len(captured) <= 2, (words, len(captured))
    found["names"] = roster.names_of(block, ["ada@Vision", "gone"])

    def page_of(ids: list[str]) -> dict[str, float]:
        """Names put into a page of submissions: queries, and the median of fifteen in milliseconds."""
        page = {"results": [{"learner": uid, "reviews": [{"grader": ids[0]}]} for uid in ids]}
        times = []
        for _ in range(15):
            with CaptureQueriesContext(connection) as captured:
                begun = time.perf_counter()
                shown = with_names(block, page)
                times.append((time.perf_counter() - begun) * 1000)
            assert all(row["username"] for row in shown["results"])
        return {"queries": len(captured), "milliseconds": statistics.median(times)}

    found["a small class"] = page_of(["ada@Vision", "bob@Vision"])
    crowd = User.objects.bulk_create(User(username=f"u{number:05d}", first_name="U") for number in range(CROWD))
    UserProfile.objects.bulk_create(UserProfile(user=user, name=f"Name {user.username}") for user in crowd)
    ids = [f"{number:032x}" for number in range(CROWD)]
    AnonymousUserId.objects.bulk_create(
        AnonymousUserId(user=user, anonymous_user_id=uid, course_id=COURSE)
        for user, uid in zip(crowd, ids, strict=True)
    )
    found["a large class"] = page_of(ids[:: CROWD // PAGE])
    print(json.dumps(found))


if __name__ == "__main__":
    main()
