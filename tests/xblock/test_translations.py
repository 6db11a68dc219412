"""Every sentence of the XBlock's Python can be translated: it is in the catalogue."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2] / "axons_xblock"


def sentences() -> set[str]:
    found: set[str] = set()
    for path in ROOT.rglob("*.py"):
        if "node_modules" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "gettext_noop":
                (text,) = node.args
                assert isinstance(text, ast.Constant), f"{path}:{node.lineno}: a translator needs the text itself"
                found.add(str(text.value))
    return found


def test_the_catalogue_has_every_sentence() -> None:
    catalogue = (ROOT / "conf/locale/en/LC_MESSAGES/text.po").read_text(encoding="utf-8")
    listed = {
        "".join(re.findall(r'"(.*)"', entry)).replace('\\"', '"')
        for entry in re.findall(r"^msgid (.*?)\nmsgstr", catalogue, re.MULTILINE | re.DOTALL)
    }
    assert len(sentences()) > 40
    assert sentences() - listed == set(), "run xgettext with the keyword gettext_noop, or add these to text.po"
