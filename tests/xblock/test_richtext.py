"""An author's instructions: simple HTML stays, nothing that runs does."""

from __future__ import annotations

import re

import pytest

from axons_xblock.richtext import to_html

ANCHOR = '<a href="https://a.example/b" target="_blank" rel="noopener noreferrer">'


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("One\ntwo\n\n \nthree", "<p>One<br>two</p><p>three</p>"),
        ("2 < 3 & 4 > 1", "<p>2 &lt; 3 &amp; 4 &gt; 1</p>"),
        ("(https://a.example/b).", f"<p>({ANCHOR}https://a.example/b</a>).</p>"),
        ('https://a.example/b"onload=', f"<p>{ANCHOR}https://a.example/b</a>&quot;onload=</p>"),
        ("  ", ""),
        (None, ""),
    ],
)
def test_text_without_markup_becomes_paragraphs_and_links(text: str | None, html: str) -> None:
    assert to_html(text) == html


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<p>Look <b>closely</b>.</p>", "<p>Look <b>closely</b>.</p>"),
        ('<P CLASS="x" onclick="run()">Hi</P>', "<p>Hi</p>"),
        ('<a href="https://a.example/b" onclick="run()">b</a>', f"{ANCHOR}b</a>"),
        ("<ul><li>1<li>2</ul>after", "<ul><li>1<li>2</li></li></ul>after"),
        ("<p>left <b>open", "<p>left <b>open</b></p>"),
        ("</p></div>never opened<br/>", "never opened<br>"),
        ("<p>&lt;script&gt; &amp;amp;</p>", "<p>&lt;script&gt; &amp;amp;</p>"),
    ],
)
def test_simple_html_is_kept_and_closed(text: str, html: str) -> None:
    assert to_html(text) == html


@pytest.mark.parametrize(
    "attack",
    [
        "<script>alert(1)</script>",
        "<p><script>alert(1)</script></p>",
        "<p><scr<script>ipt>alert(1)</script></p>",
        '<p><img src=x onerror="alert(1)"></p>',
        "<p><svg/onload=alert(1)></p>",
        '<a href="javascript:alert(1)">x</a>',
        '<a href="java\nscript:alert(1)">x</a>',
        '<a href=" JaVaScRiPt:alert(1)">x</a>',
        '<a href="data:text/html,<script>alert(1)</script>">x</a>',
        '<a href="https://a.example/&quot; onclick=&quot;alert(1)">x</a>',
        '<p style="background:url(javascript:alert(1))">x</p>',
        "<b><!--><img src=x onerror=alert(1)>--></b>",
        "<b><![CDATA[<img src=x onerror=alert(1)>]]></b>",
        "<p><iframe srcdoc='<script>alert(1)</script>'></iframe></p>",
        "<p><math><mtext></p><p><style><img src=x onerror=alert(1)></style></p>",
        "<p><textarea><img src=x onerror=alert(1)></textarea></p>",
        "<b/onmouseover=alert(1)>x</b>",
        "<p <b onclick=alert(1)>x</p>",
        "<?php <b onclick=alert(1)> ?><b>x</b>",
    ],
)
def test_nothing_runs(attack: str) -> None:
    allowed = r"</?(?:p|ul|ol|li|h3|h4|blockquote|pre|b|strong|i|em|code)>|<br>|<hr>|</a>"
    link = r'<a href="(?:https?://|mailto:)[^\s"<>]+" target="_blank" rel="noopener noreferrer">'

    assert "<" not in re.sub(f"{allowed}|{link}", "", to_html(attack))
