"""What a log is expected to reach, and what it reached before: for scripts, with a status of its own."""

from __future__ import annotations

import json
import operator
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mfu_planner.errors import InputError, nearest
from mfu_planner.units import parse

if TYPE_CHECKING:
    from mfu_planner.observe.logs.report import LogReport

#: Exit status where an expectation is not met.
NOT_MET = 3
#: A run is worse than its baseline beyond this share; step times of healthy runs scatter by less.
WORSE = 0.05
_FIELDS = {
    "mfu": "fraction",
    "hfu": "fraction",
    "step_time_s": "time",
    "tokens_per_s": "number",
    "tokens_per_s_per_device": "number",
    "samples_per_s": "number",
    "data_wait_share": "fraction",
}
_OPERATORS = {">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt}
_TEXT = re.compile(r"\s{0,40}([\w-]{1,40})\s*(>=|<=|>|<)\s*(\S.{0,40})$")
_COMPARED = (("tokens_per_s_per_device", 1), ("tokens_per_s", 1), ("samples_per_s", 1), ("step_time_s", -1))


def unmet(report: LogReport, text: str) -> str | None:
    """Why an expectation such as ``mfu>=40%`` does not hold, or ``None``; unknown is not met.

    Raises
    ------
    InputError
        No such figure, or no such comparison.
    """
    found = _TEXT.match(text)
    if found is None:
        raise InputError("expect", text, "a figure, >=, <=, > or <, and a value, such as 'mfu>=40%'")
    name = found[1].replace("-", "_")
    if name not in _FIELDS:
        raise InputError("expect", found[1], "one of " + ", ".join(_FIELDS), nearest(name, _FIELDS))
    wanted = float(found[3]) if _is_number(found[3]) and _FIELDS[name] != "fraction" else _parsed(found[3], name)
    value = getattr(report, name)
    if value is not None and _OPERATORS[found[2]](value, wanted):
        return None
    have = "unknown" if value is None else f"{value:.1%}" if _FIELDS[name] == "fraction" else f"{value:,.4g}"
    return f"{name} is {have}, expected {found[2]} {found[3]}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _parsed(text: str, name: str) -> float:
    kind = {"time": "time", "fraction": "fraction", "number": "count"}[_FIELDS[name]]
    return parse(text, kind, field="expect")


def worse(report: LogReport, baseline: Path) -> str | None:
    """Why a run is slower than its baseline (a saved ``--json`` answer, or a log), or ``None``.

    Raises
    ------
    InputError
        The baseline cannot be read or states no figure that this log has.
    """
    before = _figures(baseline)
    for name, sign in _COMPARED:
        was, now = before.get(name), getattr(report, name)
        if isinstance(was, int | float) and was > 0 and now:
            change = (now / was) ** sign - 1
            if change < -WORSE:
                return f"{name} is {now:,.4g}, {baseline.name} has {was:,.4g}: {-change:.0%} slower"
            return None
    raise InputError("baseline", str(baseline), "an answer of `log --json`, or a log, with a figure that this log has")


def _figures(path: Path) -> dict[str, object]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError("baseline", str(path), f"a readable file ({error.strerror})") from None
    try:
        saved = json.loads(data)
    except ValueError:
        saved = None
    if isinstance(saved, dict) and "step_time_s" in saved:
        return saved
    from mfu_planner.observe.logs.read import read_log

    return read_log(path).model_dump()
