"""One input: what is asked, and the text that stands for its file."""

from __future__ import annotations

from typing import Any, NamedTuple


class Made(NamedTuple):
    """An input of the fuzzer."""

    how: str
    """``command`` (a command line), ``page`` (of the form), or a name of :data:`fuzz.calls.CALLS`."""
    arguments: tuple[str, ...] = ()
    """Of a command line, where ``FILE`` and ``FOLDER`` stand for the text's place; of a page, its name and query."""
    given: dict[str, Any] = {}  # noqa: RUF012  a default that nobody fills
    """Of a call: the arguments by name."""
    text: str = ""
    """What stands in the file, where there is one."""
