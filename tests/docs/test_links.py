"""Links between pages, to anchors, to files of the project: each leads somewhere."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from sources import ROOT, pages

LINK = re.compile(r"!?\[[^\]]*\]\((?P<target>[^)\s]+)(?: \"[^\"]*\")?\)|<img[^>]* src=\"(?P<image>[^\"]+)\"")
OWN = re.compile(r"https://(?:github\.com/mfu-planner/mfu-planner/blob|raw\.\w+\.com/mfu-planner/mfu-planner)/main/")
"""A file of this project by its address, as a page that is shown elsewhere must name it."""
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6} (?P<text>.+?)(?: \{ ?#(?P<id>[\w-]+) ?\})?$", re.MULTILINE)


def links(path: Path) -> list[str]:
    """Targets of a page's links that stay inside the project."""
    text = CODE.sub("", path.read_text("utf-8"))
    here = os.path.relpath(ROOT, path.parent)
    found = [OWN.sub(f"{here}/", m["target"] or m["image"]) for m in LINK.finditer(text)]
    return [t for t in found if not re.match(r"[a-z]+:", t)]


def anchors(path: Path) -> set[str]:
    """What a page's headings can be linked by."""
    text = re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {m["id"] or slug(m["text"]) for m in HEADING.finditer(text)}


def slug(heading: str) -> str:
    """The anchor of a heading, as site and forges make it."""
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower())


@pytest.mark.parametrize("path", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(path: Path) -> None:
    """Every relative link names a file that exists, every fragment a heading of it."""
    broken = []
    for target in links(path):
        file, _, fragment = target.partition("#")
        where = (path.parent / file).resolve() if file else path
        if not where.exists() or (fragment and where.suffix == ".md" and fragment not in anchors(where)):
            broken.append(target)

    assert broken == []


def test_both_readmes_lead_to_each_other() -> None:
    """Whoever lands on one language finds the other."""
    for here, other in (("README.md", "README.zh-CN.md"), ("README.zh-CN.md", "README.md")):
        assert any(link.endswith(f"/{other}") for link in links(ROOT / here))
