"""The graders' desk as a page of its own. The LMS's log-in and role are asked for as ever; the link only once more."""

from __future__ import annotations

import html
import json
from typing import Any

from webob import Response

from axons_xblock import compat, views
from axons_xblock.errors import Problem, gettext_noop
from axons_xblock.handlers.desk import DeskAPI

RIGHT_TO_LEFT = ("ar", "fa", "he", "ur")
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
PAGE = """<!doctype html>
<html lang="{lang}" dir="{dir}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex">
<title>{title}</title>
{head}
</head>
<body style="margin: 0; padding: 16px; background: #fff">
{body}
</body>
</html>
"""
BODY = """<main id="axons-desk"></main>
<script type="application/json" id="axons-args">{args}</script>
<script src="{script}"></script>
<script>
AxonsBlock(
  {{}},
  document.getElementById("axons-desk"),
  JSON.parse(document.getElementById("axons-args").textContent),
);
</script>"""


def serve(block: Any, request: Any) -> Response:
    """The page for who asked for the link, once; a sentence for everybody else."""
    try:
        if request.method != "GET":
            raise Problem(405, "method_not_allowed", gettext_noop("This address takes GET requests only."))
        DeskAPI(block).redeem(str(request.GET.get("link", "")))
    except Problem as problem:
        sentence = html.escape(problem.sentence(compat.gettext(block)))
        return _response(block, f'<main><p role="alert">{sentence}</p></main>', "", problem.status)
    script, style = views.files(block)
    args = views.page_args(
        block,
        "desk",
        ("staff_submissions", "staff_review", "staff_leakage", "staff_hidden", "staff_desk", "open", "read"),
    )
    # A text may hold "</script>" or "<!--": inside the page no "<" is written as such.
    text = json.dumps(args).replace("<", "\\u003c")
    head = f'<link rel="stylesheet" href="{html.escape(style)}">'
    return _response(block, BODY.format(args=text, script=html.escape(script)), head)


def _response(block: Any, body: str, head: str, status: int = 200) -> Response:
    language = compat.locale(block)
    page = PAGE.format(
        lang=html.escape(language),
        dir="rtl" if language.partition("-")[0] in RIGHT_TO_LEFT else "ltr",
        title=html.escape(block.display_name or ""),
        head=head,
        body=body,
    )
    response = Response(page, status=status, content_type="text/html", charset="UTF-8")
    response.headers.update(HEADERS)
    return response
