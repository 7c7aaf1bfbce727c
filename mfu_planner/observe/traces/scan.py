"""A streaming scanner for Chrome trace JSON: one event at a time over a sliding window of text.

A trace is either one object with a ``traceEvents`` array (Kineto), or the array alone, whose closing bracket may be
missing [1]_.  Each event is decoded by the standard library's C scanner, so that memory holds a few megabytes of text
and one event.  Damage is survived: a malformed event is skipped and counted, and a file that stops in the middle gives
the events before the cut.

References
----------
.. [1] Trace Event Format, Google, "JSON Array Format" and "JSON Object Format".
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from typing import Any

from mfu_planner.errors import InputError

_WINDOW = 4 << 20
"""Characters in the window after a refill."""
_MARGIN = _WINDOW // 8
"""An event that starts nearer than this to the window's end waits for the refill."""
_LARGEST = 32 << 20
"""Characters that one event or one piece of metadata may take before it counts as malformed."""
_MOST_SKIPPED = 1000
"""Malformed events after which the file is refused."""

_BLANK = re.compile(r"[\s,]*")
_EVENTS = re.compile(r'"traceEvents"\s*:\s*\[')
_RESYNC = re.compile(r'\{\s*"(?:ph|cat|name|pid|tid|ts|id)"\s*:')
_UNREAD = re.compile(
    r'\{\s*"ph":\s*"(?:[sf]"|X",\s*"cat":\s*"(?:(python_function|overhead|fwdbwd)"|cpu_op",\s*"name":\s*"(?:aten|autograd)::))'
)
_scan = json.JSONDecoder(strict=False).raw_decode


class TraceScanner:
    """Events and metadata of one trace.

    Parameters
    ----------
    pieces
        The text, in pieces of any size.
    name
        The file's name, for messages.
    keep
        Metadata worth keeping; None keeps all of it.

    Attributes
    ----------
    metadata : dict
        Top-level entries other than ``traceEvents``; complete once :meth:`events` is exhausted.
    skipped : int
        Malformed events.
    unread : Counter
        Events that the reader has no use for, passed over without decoding, by category.
    truncated : bool
        The text ended, or broke, before the JSON did.
    """

    def __init__(self, pieces: Iterable[str], name: str = "trace", keep: Container[str] | None = None) -> None:
        self.metadata: dict[str, Any] = {}
        self.unread: Counter[str] = Counter()
        self.skipped, self.truncated = 0, False
        self._pieces, self._name, self._keep = iter(pieces), name, keep
        self._text, self._at, self._ended = "", 0, False

    def events(self) -> Iterator[Any]:
        """Every element of the event array, in file order.

        Raises
        ------
        InputError
            The text is not a trace: not JSON, no ``traceEvents``, or damaged throughout.
        """
        opening = self._peek()
        self._at += 1
        if opening == "[":
            yield from self._array()
        elif opening == "{":
            yield from self._object()
        else:
            raise InputError("file", self._name, "a Chrome trace in JSON (it starts with neither '{' nor '[')")

    def _object(self) -> Iterator[Any]:
        found = False
        while True:
            try:
                key = self._entry()
            except (ValueError, RecursionError):
                self.truncated = True
                if found or not self._seek_events():
                    break
                key = "traceEvents"
            if key == "traceEvents":
                found = True
                yield from self._array()
            elif key == "":
                break
        if not found:
            cut = " (the JSON breaks before it)" if self.truncated else ""
            raise InputError("file", self._name, f"a trace with a 'traceEvents' array{cut}")

    def _entry(self) -> str:
        """Read one entry of the top-level object; gives ``traceEvents``, ``metadata``, or nothing at the object's end.

        The value is kept as metadata, or the cursor stands behind the opening of the event array.
        """
        closing = self._peek()
        if closing == "}":
            return ""
        if closing != '"':
            raise ValueError(closing)
        key = self._value()
        if self._peek() != ":":
            raise ValueError(key)
        self._at += 1
        opening = self._peek()
        if key == "traceEvents" and opening == "[":
            self._at += 1
            return "traceEvents"
        value = self._value()
        if self._keep is None or key in self._keep:
            self.metadata[key] = value
        return "metadata"

    def _seek_events(self) -> bool:
        """Move behind the opening of the event array, over metadata that is not valid JSON."""
        while (found := _EVENTS.search(self._text, self._at)) is None:
            self._at = max(self._at, len(self._text) - 64)
            if not self._fill():
                return False
        self._at = found.end()
        return True

    def _array(self) -> Iterator[Any]:
        separator = self._separator()
        blank, unread = _BLANK.match, _UNREAD.match
        while True:
            if len(self._text) - self._at < 2 * _MARGIN:
                self._fill()
            text, at = self._text, self._at
            stop = len(text) if self._ended else len(text) - _MARGIN
            while True:
                at = blank(text, at).end()  # type: ignore[union-attr]  # the pattern matches anything
                if at >= stop:
                    break
                if text[at] == "]":
                    self._at = at + 1
                    return
                if separator and (kind := unread(text, at)) and (found := text.find(separator, at)) >= 0:
                    self.unread[kind[1] or "other"] += 1
                    at = found + len(separator) - 1
                    continue
                try:
                    event, at = _scan(text, at)
                except (ValueError, RecursionError):
                    self._at = at
                    if (event := self._troubled()) is not None:
                        yield event
                    at = self._at
                    break
                yield event
            self._at = at
            if self._ended and at >= len(self._text):
                self.truncated = True
                return

    def _separator(self) -> str:
        """The text between two events of a pretty-printed array, empty where none can be relied on.

        A raw line break cannot stand inside a JSON string and deeper values are indented further, so that this text
        marks the borders of events: those of no interest are passed over without decoding them.
        """
        if self._peek() != "{":
            return ""
        line = re.search(r"\n[ \t]*\Z", self._text[max(0, self._at - 80) : self._at])
        return f"{line[0]}}},{line[0]}{{" if line else ""

    def _troubled(self) -> Any:
        """Decode the event at the cursor from a larger window, or step over it (None) when it is malformed."""
        try:
            return self._value()
        except (ValueError, RecursionError):
            self._at += 1
        while (found := _RESYNC.search(self._text, self._at)) is None:
            self._at = max(self._at, len(self._text) - 64)
            if not self._fill():
                self._at, self.truncated = len(self._text), True
                return None
        self._at = found.start()
        self.skipped += 1
        if self.skipped > _MOST_SKIPPED:
            raise InputError("file", self._name, f"a trace in JSON (more than {_MOST_SKIPPED} malformed events)")
        return None

    def _value(self) -> Any:
        """One JSON value at the cursor; the window grows while the value is incomplete."""
        while True:
            try:
                value, end = _scan(self._text, self._at)
            except ValueError as error:
                large = len(self._text) - self._at > _LARGEST
                if large or not self._incomplete(error) or not self._fill(double=True):
                    raise ValueError(str(error)) from None
                continue
            if end == len(self._text) and isinstance(value, int | float) and not self._ended:
                self._fill(double=True)  # the digits may go on
                continue
            self._at = end
            return value

    def _incomplete(self, error: ValueError) -> bool:
        """Whether an error may come from the window's end and not from the text."""
        if not isinstance(error, json.JSONDecodeError):
            return False  # such as a number with more digits than Python converts
        return error.pos >= len(self._text) - 16 or error.msg.startswith("Unterminated string")

    def _peek(self) -> str:
        """The next character that is neither blank nor a comma, empty at the end."""
        while True:
            self._at = _BLANK.match(self._text, self._at).end()  # type: ignore[union-attr]  # matches anything
            if self._at < len(self._text) or not self._fill():
                return self._text[self._at : self._at + 1]

    def _fill(self, *, double: bool = False) -> bool:
        """Drop what was read and bring the window to its size (or to twice the rest); False at the end of the text."""
        if self._ended:
            return False
        rest = self._text[self._at :]
        want = max(_WINDOW, 2 * len(rest)) if double else _WINDOW
        parts, length = [rest], len(rest)
        while length < want:
            piece = next(self._pieces, None)
            if piece is None:
                self._ended = True
                break
            parts.append(piece)
            length += len(piece)
        self._text, self._at = "".join(parts), 0
        return length > len(rest)
