"""The contract of `compute/api.py`: see `operations/contract.py`."""

from axons_service.operations import example_values as v
from axons_service.operations.contract import Operation

OPERATIONS = {
    "runner_enrol": Operation(
        request={"name": "cpu-0123abcd", "token_sha256": v.SHA256},
        answers={200: {"pool": "cpu"}},
        problems=("enrolment_used",),
    ),
}
