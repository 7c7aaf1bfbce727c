"""One input run in this process, and what came of it."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from fuzz.calls import CALLS
from fuzz.made import Made
from mfu_planner.cli.main import main
from mfu_planner.errors import PlannerError

SLOW_S, LARGE_BYTES = 5.0, 1 << 30
"""An answer takes no longer (of a processor: others may be at work beside), and no more memory."""
LEAST_S = 1e-6
"""A plan is no shorter."""
_MOST_S, _TICK_S, _MOST_ASLEEP = 30, 5, 10
"""Seconds of a processor that an input gets, how often that is looked at, and as many times on the clock (asleep)."""
_ADDRESSES = 8 << 30
"""Bytes of addresses beyond which a process is refused more."""
_LONGEST = 4000
"""Characters of a refusal."""


class Outcome(NamedTuple):
    """What came of one input; ``kind`` is answered, refused, or the failure's name."""

    kind: str
    detail: str
    seconds: float


class _TooLongError(BaseException):
    pass


def run(made: Made, place: Path) -> Outcome:
    """Ask one question; its file, if it has one, stands in ``place``."""
    before, began = _peak(), time.perf_counter()
    try:
        _TICKS[0] = _SLEPT[0] = 0
        kind, detail = _how(made)(made, place)
    except _TooLongError:
        return Outcome("hang", f"over {_MOST_S} s", _MOST_S)
    except Exception as error:  # noqa: BLE001 - finding these is the point
        frames = traceback.extract_tb(error.__traceback__)
        where = next((f for f in reversed(frames) if "mfu_planner" in f.filename), frames[-1])
        at = f"{Path(where.filename).name}:{where.lineno}"
        return Outcome("exception", f"{type(error).__name__} at {at}: {error}"[:300], time.perf_counter() - began)
    took = time.perf_counter() - began
    if took > SLOW_S and (took := _of_a_processor(made, place)) > SLOW_S:
        return Outcome("slow", f"{took:.1f} s", took)
    if _peak() - before > LARGE_BYTES:
        return Outcome("large", f"{(_peak() - before) >> 20} MiB", took)
    return Outcome(kind, detail, took)


def _of_a_processor(made: Made, place: Path) -> float:
    """Seconds of a processor that an input takes when it is asked again: others may have been at work beside it."""
    began = time.process_time()
    _how(made)(made, place)
    return time.process_time() - began


def limit_memory() -> None:
    """Let a process that asks for far too much fail, rather than its machine."""
    resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))


def _how(made: Made) -> Any:
    return {"command": _command, "page": _page}.get(made.how, _call)


def _call(made: Made, place: Path) -> tuple[str, str]:
    """A call's answer, or its refusal in one line."""
    try:
        answer = CALLS[made.how](made, place)
    except PlannerError as error:
        text = str(error)
        json.dumps(error.as_json(), allow_nan=True)
        if not text.strip() or "\n" in text or len(text) > _LONGEST:
            return "not one line", f"{len(text)} characters: {text[:80]}"
        return "refused", ""
    as_json = getattr(answer, "as_json", None)
    return _absurd(as_json() if as_json is not None else answer) or ("answered", "")


def _command(made: Made, place: Path) -> tuple[str, str]:
    """A command with its file (``FILE``) in ``place``."""
    file = place / "input"
    if made.text:
        file.write_text(made.text, "utf-8", "surrogatepass")
    arguments = [a.replace("FILE", str(file)) if made.text else a for a in made.arguments]
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(arguments)
        except SystemExit as done:
            status = done.code if isinstance(done.code, int) else 1
    if status:
        return _refused_badly(err.getvalue(), out.getvalue(), status) or ("refused", "")
    try:
        return _absurd(json.loads(out.getvalue(), parse_constant=_raise)) or ("answered", "")
    except ValueError as error:
        return "not JSON", str(error)[:200]


def _page(made: Made, place: Path) -> tuple[str, str]:
    """Draw a page of the form with these values in its address."""
    del place
    from fuzz.apptest import app_of

    name, *query = made.arguments
    script = f"import importlib\nimportlib.import_module('mfu_planner.ui.pages.{name}').page()\n"
    app = app_of(script, 600)
    for pair in query:
        key, _, value = pair.partition("=")
        app.query_params[key] = value
    app.run()
    if app.exception:
        return "exception", " ".join(str(e.message) for e in app.exception)[:300]
    return "answered", ""


_TICKS, _SLEPT = [0], [0]
"""Ticks of the processor's timer and of the clock's since the input at work began."""


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Give up an input that takes too much of a processor, or sleeps; for the main thread of a long run."""

    def tick(number: int, _: object) -> None:
        _TICKS[0] += number == signal.SIGPROF
        _SLEPT[0] += number == signal.SIGALRM
        if _TICKS[0] > _MOST_S // _TICK_S or _SLEPT[0] > _MOST_ASLEEP:
            raise _TooLongError

    for number, timer, every in (
        (signal.SIGPROF, signal.ITIMER_PROF, _TICK_S),
        (signal.SIGALRM, signal.ITIMER_REAL, _MOST_S),
    ):
        signal.signal(number, tick)
        signal.setitimer(timer, every, every)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _refused_badly(err: str, out: str, status: int) -> tuple[str, str] | None:
    lines = [line for line in err.splitlines() if not line.startswith("warning: ")]
    if status not in (1, 2, 3) or len(lines) != 1 or len(err) > _LONGEST or out.strip():
        return "not one line", f"status {status}, {len(lines)} lines, {len(err)} characters"
    return None


def _absurd(got: Any) -> tuple[str, str] | None:
    """Numbers that cannot be, without an error among the findings; those beyond any number, which JSON has not."""
    try:
        json.dumps(got, allow_nan=False, default=repr)
    except ValueError as error:
        return "not JSON", str(error)
    if not isinstance(got, Mapping):
        return None
    found = [*(got.get("findings") or ()), *(got.get("sanity") or ())]
    said = any(isinstance(f, Mapping) and f.get("severity") == "error" for f in found)
    return next((a for place in (got, *_rows(got)) if (a := _impossible(place, said)) is not None), None)


def _rows(got: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The answers inside an answer: stages, rows of a search, alternatives."""
    for value in got.values():
        if isinstance(value, list | tuple):
            yield from (row for row in value if isinstance(row, Mapping))


def _impossible(got: Mapping[str, Any], said: bool) -> tuple[str, str] | None:
    """A figure that cannot be: a share beyond 1, a time or a size below zero, a plan of no time."""
    for key in ("mfu", "hfu"):
        value = got.get(key)
        if not said and isinstance(value, int | float) and not 0 <= value <= 1 + 1e-9:
            return "absurd", f"{key} {value}"
    for key in ("step_time_s", "training_time_s", "tokens_per_s", "cost_usd", "total_bytes", "device_hours"):
        value = got.get(key)
        if isinstance(value, int | float) and (value < 0 or (key == "training_time_s" and 0 < value < LEAST_S)):
            return "absurd", f"{key} {value}"
    return None


def _raise(name: str) -> Any:
    raise ValueError(f"{name} in JSON")
