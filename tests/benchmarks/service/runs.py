import os

from tests.benchmarks.service import loads
from tests.benchmarks.service.world import *


def say(*a):
    print(*a, flush=True)


def measure(stack, is_quick, only):
    say("load", os.getloadavg())
    web, port = stack.web()
    worker = stack.worker()
    world = world_create(200)
    if not only or "latency" in only:
        for rate, runners in ((3, 1), (10, 4)):
            l = loads.submit_to_claim(port, world, rate=rate, count=40 if is_quick else 150, runners=runners)
            say("latency", rate, "p50", l.p50, "p99", l.p99)
        jobs_forget()
    if not only or "submissions" in only:
        for c in (1, 4, 8):
            say("submissions/s", c, loads.submissions_per_second(port, world, c, 5))
            jobs_forget()
    if not only or "claims" in only:
        for n in (2000, 10000):
            jobs_create(world, n)
            say("claims/s", n, loads.claims_per_second(port, 4, 5))
            jobs_forget()
    if not only or "events" in only:
        held = running_create(world, 200)
        for c in (1, 4, 8):
            say("batches/s", c, loads.batches_per_second(port, held, c, 5))
            held = running_create(world, 200)
        jobs_forget()
    if not only or "list" in only:
        for n in (1000, 10000):
            submissions_create(world, n)
            say("list", n, loads.list_milliseconds(port, world, 5))
            from axons_service.grading.models import Submission

            Submission.objects.all().delete()
            jobs_forget()
    return ""
