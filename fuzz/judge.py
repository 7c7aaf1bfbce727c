"""One input run in this process, and what came of it."""

from __future__ import annotations

import contextlib
import io
import json
import resource
import signal
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mfu_planner.cli.main import main

SLOW_S, LARGE_BYTES = 5.0, 1 << 30
"""An answer takes no longer, and no more memory."""
LEAST_S = 1e-6
"""A plan is no shorter."""
_MOST_S = 30


class Outcome(NamedTuple):
    """What came of one input; ``kind`` is answered, refused, or the failure's name."""

    kind: str
    detail: str
    seconds: float


class _TooLongError(BaseException):
    pass


def run(arguments: list[str], text: str, place: Path) -> Outcome:
    """Run a command with its file (``FILE``, or a ``FOLDER`` with it inside) written to ``place``."""
    place.mkdir(parents=True, exist_ok=True)
    file = place / ("device.yaml" if any("FOLDER" in a for a in arguments) else "input")
    if text:
        file.write_text(text, "utf-8", "surrogatepass")
    real = [a.replace("FILE", str(file)).replace("FOLDER", str(place)) if text else a for a in arguments]
    out, err, status = io.StringIO(), io.StringIO(), 0
    before, began = _peak(), time.perf_counter()
    try:
        with _limited(), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            if real[0] == "page":
                return _page(real[1], real[2:], began)
            main(real)
    except SystemExit as done:
        status = done.code if isinstance(done.code, int) else 1
    except _TooLongError:
        return Outcome("hang", f"over {_MOST_S} s", _MOST_S)
    except Exception as error:  # noqa: BLE001 - finding these is the point
        where = traceback.extract_tb(error.__traceback__)[-1]
        return Outcome(
            "exception", f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}: {error}"[:300],
            time.perf_counter() - began,
        )  # fmt: skip
    took = time.perf_counter() - began
    if took > SLOW_S:
        return Outcome("slow", f"{took:.1f} s", took)
    if _peak() - before > LARGE_BYTES:
        return Outcome("large", f"{(_peak() - before) >> 20} MiB", took)
    wrong = _refused_badly(err.getvalue(), out.getvalue(), status) if status else _absurd(out.getvalue())
    return Outcome(wrong[0], wrong[1], took) if wrong else Outcome("refused" if status else "answered", "", took)


def _page(name: str, query: list[str], began: float) -> Outcome:
    """Draw a page of the form with these values in its address."""
    from streamlit.testing.v1 import AppTest

    script = f"import importlib\nimportlib.import_module('mfu_planner.ui.pages.{name}').page()\n"
    app = AppTest.from_string(script, default_timeout=_MOST_S)
    for pair in query:
        key, _, value = pair.partition("=")
        app.query_params[key] = value
    app.run()
    took = time.perf_counter() - began
    if app.exception:
        return Outcome("exception", " ".join(str(e.message) for e in app.exception)[:300], took)
    return Outcome("slow", f"{took:.1f} s", took) if took > SLOW_S else Outcome("answered", "", took)


@contextlib.contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: object) -> None:
        raise _TooLongError

    signal.signal(signal.SIGALRM, stop)
    signal.alarm(_MOST_S)
    try:
        yield
    finally:
        signal.alarm(0)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _refused_badly(err: str, out: str, status: int) -> tuple[str, str] | None:
    lines = [line for line in err.splitlines() if not line.startswith("warning: ")]
    if status not in (1, 2, 3) or len(lines) != 1 or len(err) > 4000 or out.strip():
        return "not one line", f"status {status}, {len(lines)} lines, {len(err)} characters"
    return None


def _absurd(out: str) -> tuple[str, str] | None:
    """Numbers that cannot be, without an error among the findings."""
    try:
        got = json.loads(out, parse_constant=lambda name: _raise(name))
    except ValueError as error:
        return "not JSON", str(error)[:200]
    found = [*(got.get("findings") or ()), *(got.get("sanity") or ())]
    if any(isinstance(f, dict) and f.get("severity") == "error" for f in found):
        return None
    for key in ("mfu", "hfu"):
        value = got.get(key)
        if isinstance(value, int | float) and not 0 <= value <= 1:
            return "absurd", f"{key} {value}"
    for key in ("step_time_s", "training_time_s", "tokens_per_s", "cost_usd", "total_bytes"):
        value = got.get(key)
        if isinstance(value, int | float) and (value < 0 or (key == "training_time_s" and 0 < value < LEAST_S)):
            return "absurd", f"{key} {value}"
    return None


def _raise(name: str) -> Any:
    raise ValueError(f"{name} in JSON")
