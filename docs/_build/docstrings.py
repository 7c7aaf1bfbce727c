"""Reading the project's docstrings (numpy convention) and showing them as Markdown."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field

_SECTION = re.compile(r"^(?P<name>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_MATH = re.compile(r"^\.\. math::[ \t]*(?P<line>.*)\n?(?P<more>(?:[ \t]+\S.*\n?|\n(?=[ \t]))*)", re.MULTILINE)
_ROLE = re.compile(r":[a-z]+:`~?(?:[\w.]+\.)?(?P<name>\w+)`")
_REFERENCE = re.compile(r"^\.\. \[\d+\] ", re.MULTILINE)


@dataclass(frozen=True)
class Doc:
    """A docstring in parts."""

    summary: str
    text: str
    """What stands between the summary and the first section, formulas taken out."""
    math: tuple[str, ...]
    sections: dict[str, str] = field(default_factory=dict)


def read(thing: object) -> Doc:
    """The docstring of a function, class or module."""
    whole = inspect.cleandoc(getattr(thing, "__doc__", None) or "")
    pieces = _SECTION.split(whole)
    sections = {name: body.strip("\n") for name, body in zip(pieces[1::2], pieces[2::2], strict=True)}
    math = tuple(_one_line(m) for m in _MATH.finditer(whole))
    sections = {name: _MATH.sub("", body).strip() for name, body in sections.items()}
    summary, _, text = _MATH.sub("", pieces[0]).strip().partition("\n\n")
    return Doc(" ".join(summary.split()), text.strip(), math, sections)


def _one_line(found: re.Match[str]) -> str:
    return " ".join(f"{found['line']} {found['more']}".split())


def markdown(text: str) -> str:
    """Prose of a docstring: roles and double backticks become code, list items stay."""
    text = _ROLE.sub(r"`\g<name>`", text).replace("``", "`")
    return re.sub(r" ?\[\d+\]_", "", text).strip()


def references(doc: Doc) -> str:
    """The sources of a docstring as one line."""
    listed = doc.sections.get("References", "")
    items = [" ".join(item.split()) for item in _REFERENCE.split(listed) if item.strip()]
    return "; ".join(markdown(_rst_emphasis(item)).rstrip(".") for item in items)


def _rst_emphasis(text: str) -> str:
    """Papers become links: ``arXiv:2104.04473``."""
    return re.sub(r"arXiv:(\d{4}\.\d{4,5})", r"[arXiv:\1](https://arxiv.org/abs/\1)", text)


def items(section: str) -> list[tuple[str, str, str]]:
    """(name, type, description) of a Parameters-like section."""
    found: list[tuple[str, str, list[str]]] = []
    for line in section.split("\n"):
        if line and not line.startswith(" "):
            name, _, kind = line.partition(" : ")
            found.append((name.strip(), kind.strip(), []))
        elif found and line.strip():
            found[-1][2].append(line.strip())
    return [(name, kind, markdown(" ".join(text))) for name, kind, text in found]


def cell(text: str) -> str:
    """Text inside a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")
