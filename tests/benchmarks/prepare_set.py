"""How long 2,000 small pictures take to prepare, on a real S3: `pytest tests/benchmarks/prepare_set.py -s`."""

import os
import resource
import time
from typing import Any

import pytest

from axons_service.training_sets.manifests import manifest_read
from tests.service import builders
from tests.service.builders import Caller, Lms
from tests.service.conftest import *  # noqa: F403
from tests.service.training_sets import pictures_made as made
from tests.service.training_sets import sets_made

COUNT = int(os.environ.get("AXONS_BENCH_PICTURES", "2000"))


@pytest.mark.django_db(transaction=True)
@pytest.mark.needs_s3
@pytest.mark.timeout(600)
def test_two_thousand_small_pictures_are_prepared_within_half_a_minute(store: Any, course: Lms, anna: Caller) -> None:
    anna.open(builders.spec(hidden_test_set=None, grading=None))
    files = [
        (f"{n}.jpg", made.encoded(made.photo(n, (320, 240)), quality=90), builders.CLASSES[n % 2]) for n in range(COUNT)
    ]
    waiting = sets_made.asked(anna, files)
    start, cpu = time.monotonic(), time.process_time()
    found = sets_made.prepared(waiting)
    seconds = time.monotonic() - start
    here, workers = time.process_time() - cpu, resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"\n{found.image_count} of {COUNT} pictures of 320 x 240 in {seconds:.1f} s ({COUNT / seconds:.0f}/s);"
        f" processor time {here:.1f} s here, {workers.ru_utime + workers.ru_stime:.1f} s in picture workers;"
        f" peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB;"
        f" {len(found.shards)} shards of {sum(each['bytes'] for each in found.shards) / 2**20:.0f} MiB"
    )
    assert found.state == "ready"
    assert len(manifest_read(found)["images"]) == found.image_count == COUNT
    assert seconds <= 30
