"""Fenced blocks of a Markdown page, with their language, title and place."""

from __future__ import annotations

import re
from dataclasses import dataclass

_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>```+)(?P<info>[^`\n]*)$")
_TITLE = re.compile(r'title="(?P<title>[^"]+)"')


@dataclass(frozen=True)
class Block:
    """One fenced block."""

    language: str
    title: str
    """A file name, where the block shows a file."""
    lines: tuple[str, ...]
    """The body without the fence's indentation."""
    indent: str
    first: int
    """Index of the body's first line in the page; the closing fence stands at ``first + len(lines)``."""

    @property
    def text(self) -> str:
        """The body as one text."""
        return "".join(f"{line}\n" for line in self.lines)


def blocks(page: str) -> list[Block]:
    """The fenced blocks in order; an unclosed fence is an error."""
    found: list[Block] = []
    lines = page.split("\n")
    at = 0
    while at < len(lines):
        opened = _FENCE.match(lines[at])
        if not opened:
            at += 1
            continue
        indent, fence, info = opened["indent"], opened["fence"], opened["info"].strip()
        end = at + 1
        while end < len(lines) and lines[end].strip() != fence:
            end += 1
        if end == len(lines):
            raise ValueError(f"line {at + 1}: a fence that is never closed")
        title = _TITLE.search(info)
        body = tuple(line.removeprefix(indent) for line in lines[at + 1 : end])
        found.append(Block(info.split(" ")[0], title["title"] if title else "", body, indent, at + 1))
        at = end + 1
    return found


def replaced(page: str, bodies: dict[Block, list[str]]) -> str:
    """The page with the bodies of some blocks exchanged."""
    lines = page.split("\n")
    for block in sorted(bodies, key=lambda b: -b.first):
        body = [(block.indent + line).rstrip() for line in bodies[block]]
        lines[block.first : block.first + len(block.lines)] = body
    return "\n".join(lines)
