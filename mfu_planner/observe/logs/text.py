"""Cleaning what terminals, launchers and clusters put around a log line, and reading its numbers."""

from __future__ import annotations

import re

from mfu_planner.units import HOUR, MINUTE

#: Escape sequences of terminals, and the remains of one whose escape byte was lost on the way (``[36m``).
_ANSI = re.compile(r"\x1b\[[0-9;?]{0,32}[ -/]{0,4}[@-~]|\x1b\][^\x07\n]{0,256}\x07|\x1b[@-_]")
_ORPHAN = re.compile(r"\[\d{1,3}(?:;\d{1,3}){0,4}m")
_CONTROL = (("\r", "\n"), ("\0", ""), ("\x08", ""), ("\x0c", "\n"), ("\u00a0", " "), ("\ufeff", ""),
            ("`", ""), ("\uff1a", ": "), ("\uff0c", ", "))  # fmt: skip

#: Who printed the line: srun ``3: ``, torchrun ``[default7]:``, ``[rank0]:``, ``[1,0]<stdout>:``, Ray ``(name pid=…)``,
#: ``[Rank 0]``, compose ``trainer-1  | `` and a host name.
_TAG_START = re.compile(
    r"\s{0,8}(\d{1,6}): |\[\d{1,4},(\d{1,6})\]<std|\(([\w.\-/ ]{1,60},? ?pid=\d{1,9}[^)\n]{0,40})\)"
    r"|([\w.\-]{1,60}) {1,20}\| "
)
_TAG_INSIDE = re.compile(r"\[(?:default|rank|Rank )(\d{1,6})\]| rank=(\d{1,6})\]|\|(DP=\d+\|PP=\d+\|TP=\d+)")
_TAG_WORDS = ("[rank", "[default", "[Rank ", " rank=", "|DP=")

NUMBER = r"[-+]?(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?|[-+]?nan|[-+]?inf"
#: A unit or prefix directly after a number: ``11.5K``, ``895.31ms``, ``44.87%``.
SUFFIX = r"(?:\s?(ms|us|µs|s|secs?|seconds|%|[KMGTPB])(?![A-Za-z0-9/]))?"

#: Numbers above this are garbage, not measurements.
_LARGEST = 1e30
PREFIX = {"K": 1e3, "M": 1e6, "G": 1e9, "B": 1e9, "T": 1e12, "P": 1e15}
UNITS = {
    "": 1.0,
    "s": 1.0,
    "ms": 1e-3,
    "us": 1e-6,
    "µs": 1e-6,
    "sec": 1.0,
    "secs": 1.0,
    "seconds": 1.0,
    "min": MINUTE,
    "h": HOUR,
    "%": 0.01,
    "GFLOP/s": 1e9,
    "TFLOP/s": 1e12,
}


def clean(text: str, *, orphans: bool = False) -> str:
    """Text with terminal codes removed and every carriage return made a line end.

    ``orphans`` also removes colour codes whose escape byte is missing.
    """
    if "\x1b" in text:
        text = _ANSI.sub("", text)
    if orphans:
        text = _ORPHAN.sub("", text)
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    for bad, good in _CONTROL:
        if bad in text:
            text = text.replace(bad, good)
    return text


def has_orphans(text: str) -> bool:
    """Whether colour codes without their escape byte stand in the text."""
    return _ORPHAN.search(text) is not None


def tag(line: str) -> str:
    """The rank, pod or process that a line names, or an empty string.

    >>> tag("[default7]: iteration 3/10 |")
    '7'
    """
    found = _TAG_START.match(line)
    if found is None:
        head = line[:160]
        found = _TAG_INSIDE.search(head) if any(w in head for w in _TAG_WORDS) else None
    return "" if found is None else next(g for g in found.groups() if g is not None)


def number(text: str) -> float | None:
    """A number with optional thousands commas, or ``None`` where it is not finite.

    >>> number("1,234.5")
    1234.5
    """
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return None
    return value if abs(value) <= _LARGEST else None  # nan and inf too


def resolution(text: str) -> float:
    """The relative half-width of what a printed number can stand for: ``0.0027`` is known to 2%.

    >>> round(resolution("0.0027"), 4)
    0.0185
    """
    value = number(text)
    if not value:
        return 1.0
    mantissa, _, exponent = text.lower().replace(",", "").partition("e")
    decimals = len(mantissa.partition(".")[2])
    try:
        unit = 10.0 ** (int(exponent or 0) - decimals)
    except (OverflowError, ValueError):
        return 1.0
    return min(1.0, 0.5 * unit / abs(value))
