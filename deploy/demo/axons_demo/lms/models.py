"""What an LMS keeps: people, block state, grades, completions."""

from __future__ import annotations

import hashlib

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models


class Profile(models.Model):
    """Imitates common/djangoapps/student/models/user.py UserProfile, with the role in the one course."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="profile")
    name = models.CharField(max_length=255)
    is_course_staff = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class AnonymousUserId(models.Model):
    """Imitates common/djangoapps/student/models/user.py AnonymousUserId: one id per user and course."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    anonymous_user_id = models.CharField(unique=True, max_length=32)
    course_id = models.CharField(max_length=255, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "course_id"], name="one_id_per_user_and_course")]

    def __str__(self) -> str:
        return self.anonymous_user_id


class BlockState(models.Model):
    """Field values of one scope of one block, as JSON. Unlike the workbench's table it can be written by two requests
    at once: a row is unique, and a write changes it under the database's write lock."""

    scope = models.CharField(max_length=50)
    scope_id = models.CharField(max_length=255)
    user_id = models.CharField(max_length=64, default="")
    state = models.JSONField(default=dict)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["scope", "scope_id", "user_id"], name="one_row_per_key")]

    def __str__(self) -> str:
        return f"{self.scope} {self.scope_id} {self.user_id}"


class StudentGrade(models.Model):
    """The grade book: imitates lms/djangoapps/courseware/models.py StudentModule.grade and .max_grade."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="grades")
    usage = models.CharField(max_length=255)
    earned = models.FloatField()
    possible = models.FloatField()
    modified = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "usage"], name="one_grade_per_user_and_block")]

    def __str__(self) -> str:
        return f"{self.earned_text} / {self.possible_text}"

    @property
    def earned_text(self) -> str:
        return f"{round(self.earned, 2):g}"

    @property
    def possible_text(self) -> str:
        return f"{round(self.possible, 2):g}"


class BlockCompletion(models.Model):
    """Imitates completion.models.BlockCompletion of openedx/completion."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    usage = models.CharField(max_length=255)
    completion = models.FloatField()
    modified = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "usage"], name="one_completion_per_user_and_block")]

    def __str__(self) -> str:
        return f"{self.completion:g}"


def anonymous_id_for_user(user: User, course_id: str) -> str:
    """Imitates the function of the same name in common/djangoapps/student/models/user.py."""
    digest = hashlib.shake_128(f"{settings.SECRET_KEY}{user.pk}{course_id}".encode()).hexdigest(16)
    row, _ = AnonymousUserId.objects.get_or_create(
        user=user, course_id=course_id, defaults={"anonymous_user_id": digest}
    )
    return row.anonymous_user_id


def user_by_anonymous_id(uid: str | None) -> User | None:
    """Imitates the function of the same name there: None when nobody has this id."""
    if not uid:
        return None
    return User.objects.filter(anonymoususerid__anonymous_user_id=uid).first()
