"""docs/api.md: its prose is written by hand, its tables of operations and of problem codes by this module."""

from axons_service.operations.contract import documented
from axons_service.operations.openapi import document
from axons_service.operations.problem_codes import CODES

OPERATIONS = ("<!-- operations -->\n", "<!-- /operations -->")
PROBLEMS = ("<!-- problems -->\n", "<!-- /problems -->")


def api_page(text: str) -> str:
    """The page with both tables as the code has them. Raises ValueError when a marker is missing."""
    return _between(_between(text, OPERATIONS, _operations()), PROBLEMS, _problems())


def _operations() -> str:
    lines = ["| operation | address | credentials | what it does |", "|---|---|---|---|"]
    for path, method, operation in documented(document()):
        schemes = " or ".join(scheme for each in operation.get("security", []) for scheme in each)
        name, summary = operation["operationId"], operation["summary"]
        lines.append(f"| `{name}` | `{method.upper()} {path}` | {schemes} | {summary} |")
    return "\n".join(lines)


def _problems() -> str:
    lines = ["| code | status | title | what to do |", "|---|---|---|---|"]
    lines += [f"| `{name}` | {code.status} | {code.title} | {code.sentence} |" for name, code in sorted(CODES.items())]
    return "\n".join(lines)


def _between(text: str, markers: tuple[str, str], table: str) -> str:
    start = text.index(markers[0]) + len(markers[0])
    return f"{text[:start]}\n{table}\n\n{text[text.index(markers[1], start) :]}"
