"""Habits of the pages: one sentence a line, a faithful translation, docstrings that tell the truth."""

from __future__ import annotations

import doctest
import re
from importlib import import_module

import pytest
from blocks import blocks
from sources import DOCS, ROOT, pages

import mfu_planner

WRITTEN = [p for p in pages() if p.parent != DOCS / "findings" and "Written by `python -m" not in p.read_text("utf-8")]
REGION = re.compile(r"<!-- generated: .*?<!-- end -->|^```.*?^```$|^\|.*$|^\$\$.*?^\$\$$", re.MULTILINE | re.DOTALL)
SECOND_SENTENCE = re.compile(r"[a-z0-9)`*]{2}[.?!] +[A-Z]")


@pytest.mark.parametrize("path", WRITTEN, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_one_sentence_a_line(path) -> None:
    """Changes of a sentence show as changes of a line."""
    prose = REGION.sub("", path.read_text("utf-8"))
    lines = [line for line in prose.split("\n") if not line.startswith(("- ", "**", "Source: "))]

    assert [line for line in lines if SECOND_SENTENCE.search(line)] == []


def test_the_chinese_readme_keeps_to_the_english_one() -> None:
    """The same commands and code in the same order, as many headings and rows, the same figures and links."""
    english, chinese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh-CN.md"))

    def code(text: str) -> list[list[str]]:
        return [[line.split("  #")[0].rstrip() for line in b.lines] for b in blocks(text)]

    def links(text: str) -> set[str]:
        return {re.sub(r"README(\.zh-CN)?\.md$", "README", t) for t in re.findall(r"\]\((http[^)]+)\)", text)}

    def shape(text: str) -> tuple[int, int]:
        return len(re.findall(r"^#+ ", text, re.MULTILINE)), len(re.findall(r"^\|", text, re.MULTILINE))

    def figures(text: str) -> set[str]:
        return set(re.findall(r"\d+(?:\.\d+)?[MT%]", text))

    assert code(english) == code(chinese)
    assert shape(english) == shape(chinese)
    assert links(english) == links(chinese)
    assert figures(english) == figures(chinese)


@pytest.mark.parametrize("name", mfu_planner.__all__)
def test_examples_in_docstrings_are_true(name: str) -> None:
    """What the reference shows from docstrings comes out."""
    thing = getattr(mfu_planner, name)
    home = import_module(thing.__module__)
    for test in doctest.DocTestFinder(recurse=False).find(thing, name, globs=vars(home).copy()):
        result = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)

        assert result.failed == 0
