"""A class that has handed in, as rows: `python -m tests.support.graded_class PUBLIC_KEY_FILE LEARNERS CALLBACK`.

One scored submission each, at an accuracy of 0.92, whose grade the LMS has as revision 1.
"""

import sys
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import django


def main(public_key: Path, learners: int, callback: str) -> None:
    django.setup()
    from django.utils import timezone

    from axons_service.exercises.models import Exercise, Project, Spec
    from axons_service.exercises.specs import spec_hash
    from axons_service.grading.models import GradeDelivery, Submission
    from axons_service.jobs.models import Job
    from axons_service.sites.models import Site, SiteKey
    from tests.service import builders

    site = Site.objects.create(slug="campus", name="Campus", callback_hosts=[urlsplit(callback).netloc])
    SiteKey.objects.create(site=site, kid="k1", public_key=public_key.read_text())
    pool, body = builders.pool(), builders.spec()
    builders.library_set(site, "hidden", "hidden-pets")
    spec = Spec.objects.create(site=site, hash=spec_hash(body), body=body)
    exercise = Exercise.objects.create(site=site, usage_key=builders.USAGE, course_key=builders.COURSE)
    projects = Project.objects.bulk_create(
        Project(exercise=exercise, learner=f"learner-{number:04d}", spec=spec, callback_url=callback)
        for number in range(learners)
    )
    model = builders.model(projects[0])
    jobs = Job.objects.bulk_create(
        Job(
            project=project, spec=spec, pool=pool, kind=Job.Kind.EVALUATION, state=Job.State.SUCCEEDED,
            idempotency_key=uuid.uuid4().hex, request_sha256="0" * 64, time_limit_seconds=60,
        )
        for project in projects
    )  # fmt: skip
    made = Submission.objects.bulk_create(
        Submission(
            project=job.project, model=model, job=job, spec=spec, state=Submission.State.SCORED, metric="accuracy",
            value=0.92, metrics={"accuracy": 0.92}, automatic_score=1.0, final_score=1.0,
            idempotency_key=uuid.uuid4().hex, scored_at=timezone.now(),
        )
        for job in jobs
    )  # fmt: skip
    GradeDelivery.objects.bulk_create(
        GradeDelivery(
            project=each.project, submission=each, revision=1, score=1.0, reason="scored",
            state=GradeDelivery.State.DELIVERED, due_at=timezone.now(), delivered_at=timezone.now(),
        )
        for each in made
    )  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
