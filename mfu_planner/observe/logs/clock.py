"""Wall-clock stamps and written durations."""

from __future__ import annotations

import datetime as dt
import functools
import re

from mfu_planner.units import DAY, HOUR, MINUTE

_MONTHS = {m: i + 1 for i, m in enumerate(("jan feb mar apr may jun jul aug sep oct nov dec").split())}  # noqa: SIM905

_STAMP = re.compile(
    r"(?P<y>(?:19|20)\d\d)[-/](?P<mo>\d\d)[-/](?P<d>\d\d)[T ](?P<t>\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)"
    r"|(?P<mo2>\d\d)/(?P<d2>\d\d)/(?P<y2>20\d\d) (?P<t2>\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)"
    r"|\b[IWE](?P<mo3>\d\d)(?P<d3>\d\d) (?P<t3>\d\d:\d\d:\d\d\.\d{3,6})"
    r"|\b(?P<mo4>Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) {1,2}(?P<d4>\d{1,2}) (?P<t4>\d\d:\d\d:\d\d)"
    r"|(?:^|[\s\[(])(?P<t5>\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)(?=[\s\]|)])"
)
_COMMON = re.compile(r"(20\d\d)-(\d\d)-(\d\d)[T ](\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)")
_WRITTEN = re.compile(r"^\s*(?:(\d+)d\s*)?(?:(\d+)h\s*)?(?:(\d+)m(?:in)?\s*)?(?:(\d+(?:\.\d+)?)s(?:ec)?)?\s*$")
_DURATION = re.compile(
    r"^\s*(?:(?P<d>\d+)\s*(?:days?,?|d)[\s-]*)?(?:(?P<h>\d+):(?=\d+:))?(?P<m>\d+):(?P<s>\d+(?:\.\d+)?)\s*$"
)


_CLOCK = re.compile(r"\d\d:\d\d:\d\d")


def told(text: str) -> bool:
    """Whether there can be a time stamp in some lines."""
    return _CLOCK.search(text) is not None


def stamp(line: str) -> float | None:
    """Seconds of the first time stamp in a line, for differences within one log; ``None`` without one.

    A stamp without a date counts from an arbitrary midnight, one without a year from an arbitrary year.
    """
    head = line[:240]
    if common := _COMMON.search(head):
        return _seconds(common[1], common[2], common[3], common[4])
    found = _STAMP.search(head)
    if found is None:
        return None
    g = found.groupdict()
    for suffix, year in (("", g["y"]), ("2", g["y2"]), ("3", "2000"), ("4", "2000"), ("5", "2000")):
        text = g["t" + suffix]
        if text is not None:
            month = g.get("mo" + suffix) or "1"
            return _seconds(year, month, g.get("d" + suffix) or "1", text)
    return None


def _seconds(year: str | None, month: str, day: str, text: str) -> float | None:
    days = _days(year or "2000", month, day)
    if days is None:
        return None
    hours, minutes, seconds = text.replace(",", ".").split(":")
    return days * DAY + int(hours) * HOUR + int(minutes) * MINUTE + float(seconds)


@functools.lru_cache(maxsize=512)
def _days(year: str, month: str, day: str) -> int | None:
    try:
        return dt.date(int(year), _MONTHS.get(month.lower(), 0) or int(month), int(day)).toordinal()
    except ValueError:
        return None


def stamp_resolution(line: str) -> float:
    """How finely the line's stamp is printed, in seconds."""
    found = _STAMP.search(line[:240])
    if found is None:
        return 1.0
    text = next(v for k, v in found.groupdict().items() if k.startswith("t") and v is not None)
    decimals = len(re.split("[.,]", text)[1]) if re.search("[.,]", text) else 0
    return float(10.0**-decimals)


def duration(text: str) -> float | None:
    """Seconds of a written duration such as ``52:46``, ``3:04:47``, ``4 days, 7:19:52`` or ``2h 5m 59s``.

    >>> duration("4 days, 7:19:52")
    371992.0
    """
    found = _DURATION.match(text[:60])
    if found is None:
        written = _WRITTEN.match(text[:60])
        if written is None or not any(written.groups()):
            return None
        return sum(float(n or 0) * each for n, each in zip(written.groups(), (DAY, HOUR, MINUTE, 1), strict=True))
    days, hours, minutes, seconds = (float(found[k] or 0) for k in "dhms")
    return days * DAY + hours * HOUR + minutes * MINUTE + seconds
