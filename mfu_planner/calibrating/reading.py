"""Own runs out of files: a table of runs, or logs with the layout beside them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfu_planner.backtesting.case import RowCase
from mfu_planner.backtesting.question import question_of
from mfu_planner.backtesting.runs import COLUMNS, RunRow, Unusable, read_runs
from mfu_planner.backtesting.stated import published_step_time
from mfu_planner.errors import InputError
from mfu_planner.observe.logs import read_log
from mfu_planner.observe.traces import read_trace
from mfu_planner.observe.traces.told import is_trace
from mfu_planner.questions.layouts import PredictQuestion
from mfu_planner.questions.question import names
from mfu_planner.questions.request import read_case, read_request
from mfu_planner.questions.runs import PlanQuestion
from mfu_planner.run import solve
from mfu_planner.step.case import Case
from mfu_planner.step.flops import model_flops

if TYPE_CHECKING:
    from mfu_planner.observe.logs import LogReport


_MOST = 200
"""Runs of one calibration: more say nothing new."""
_ACCEPTED = "a training log, a folder of one, or a CSV file of runs"
_FIXED = ("stack", "machine")
"""Flags that are of the calibration, not of one run."""


@dataclass(frozen=True)
class OwnRun:
    """One measured step and the question that predicts it."""

    name: str
    digest: str
    """SHA-256 of the file, or of the row."""
    seconds: float
    flags: Mapping[str, Any]
    case: Case

    @property
    def key(self) -> str:
        """Equal for runs of one and the same question."""
        return key_of(self.case)


def key_of(case: Case) -> str:
    """Equal for cases of one and the same question: flags, and a model of the same size and work."""
    size = case.division.params, model_flops(case.architecture, case.work)
    return repr((size, sorted((name, str(value)) for name, value in case.said.echo.items())))


def read_own(runs: Sequence[Any], base: str, flags: Mapping[str, Any]) -> tuple[list[OwnRun], list[str]]:
    """(the runs of some files, remarks on rows that cannot be used).

    Parameters
    ----------
    base
        The stack whose prediction each run is held against.
    flags
        Flags of ``predict`` that hold for all of them.

    Raises
    ------
    InputError
        A file that says no step time, or whose layout is not complete; no run at all.
    """
    found: list[OwnRun] = []
    left: list[str] = []
    for given in runs:
        path = Path(given)
        if not path.exists():
            raise InputError("runs", str(given), _ACCEPTED)
        if _is_table(path):
            for row in read_runs(path):
                try:
                    found.append(_of_row(row, base, flags))
                except Unusable as reason:
                    left.append(f"{row.id} left out: {reason}")
        else:
            found.append(_of_log(path, base, flags))
        if len(found) > _MOST:
            raise InputError("runs", f"more than {_MOST} runs", f"at most {_MOST}: the most different ones")
    if not found:
        raise InputError("runs", ", ".join(map(str, runs)), f"at least one run that can be read ({'; '.join(left)})")
    return found, left


def _is_table(path: Path) -> bool:
    """Whether a file is a table of runs in the format of the published ones."""
    if path.is_dir() or path.suffix.lower() != ".csv":
        return False
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        head: list[str] = next(csv.reader(file), [])
    return set(head) >= COLUMNS


def _of_row(row: RunRow, base: str, flags: Mapping[str, Any]) -> OwnRun:
    asked = {**question_of(row, flags.get("machine")), **flags, "stack": base}
    try:
        read = RowCase(id=row.id, flags=asked, request=read_request(**asked))
    except InputError as error:
        raise Unusable(str(error)) from None
    seconds = published_step_time(row, read)
    if seconds is None:
        raise Unusable("neither a time nor a rate is stated")
    cells = repr(sorted(row.cells.items())).encode()
    return OwnRun(row.id, hashlib.sha256(cells).hexdigest(), seconds, _shown(asked), read.request.case)


def _of_log(path: Path, base: str, flags: Mapping[str, Any]) -> OwnRun:
    beside, where = _layout_of(path)
    asked = {**beside, **flags, "stack": base}
    given = {_field(k): v for k, v in asked.items()}
    known, stated = _observed(path, given)
    asked |= {name: value for name, value in stated.items() if name not in given}
    try:
        case = read_case(asked)
    except InputError as error:
        said = f"{path.name}: {where}" if where else f"{path.name} (no {path.stem}.yaml or plan.yaml beside it)"
        raise InputError(f"{said}: {error.field}", error.given, error.accepted, error.nearest) from None
    held = float(case.work.batch * case.work.seq_len)
    logged = known.pop("tokens_per_step", held)
    if case.architecture.work_unit == "token":
        _one_batch(path.name, logged, held)
    if "step_time_s" not in known:
        known = solve({**known, "tokens_per_step": held}, ["step_time_s"])
    if "step_time_s" not in known:
        raise InputError("runs", str(path), "a log that states step times or a rate, a trace with several steps")
    return OwnRun(path.name, _digest(path), known["step_time_s"], _shown(asked), case)


_MORE, _FEWER = 1.02, 0.5
"""Tokens of a step by its log over those of the batch that is described: rounding is more of them, padding fewer."""


def _one_batch(name: str, logged: float, described: float) -> None:
    """Refuse a log whose steps have another batch than the one that is described.

    Raises
    ------
    InputError
        It has more tokens, or so few that padding explains them no more.
    """
    if not _FEWER < logged / described <= _MORE:
        flags = f"batch × length is {described:,.0f}: of micro-batches, one device or another run; mend the flags"
        raise InputError("runs", f"{name}: {logged:,.0f} tokens a step", f"a log of the batch described; {flags}")


def _observed(path: Path, given: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, Any]]:
    """(step time or rate, flags that the file itself states)."""
    if is_trace(path):
        seen = read_trace(path)
        time = {} if seen.step_time_s is None else {"step_time_s": seen.step_time_s}
        return time, {"devices": seen.world_size} if seen.world_size else {}
    report = read_log(path, **{n: given[n] for n in ("devices", "global_batch", "seq_len") if n in given})
    found = {name: getattr(report, name) for name in ("step_time_s", "tokens_per_s", "tokens_per_step")}
    return {n: v for n, v in found.items() if v is not None}, _measured(report)


def _measured(report: LogReport) -> dict[str, Any]:
    """Flags that the log itself states."""
    held: dict[str, Any] = {"devices": report.devices, "seq_len": report.seq_len, "global_batch": report.global_batch}
    if report.global_batch is None and report.tokens_per_step and report.seq_len:
        held["global_batch"] = report.tokens_per_step / report.seq_len
    return {n: round(v) for n, v in held.items() if v and float(v).is_integer()}


def _layout_of(path: Path) -> tuple[dict[str, Any], str]:
    """(the flags in the YAML file beside a log, its name): of its own name, else ``plan.yaml``; nothing without."""
    from mfu_planner.facts import load_file

    places = [path / "plan.yaml"] if path.is_dir() else []
    places += [path.with_suffix(".yaml"), path.with_suffix(".yml"), path.parent / "plan.yaml"]
    file = next((p for p in places if p.is_file() and p != path), None)
    if file is None:
        return {}, ""
    data = load_file(file)
    if not isinstance(data, Mapping):
        raise InputError("runs", str(file), "a YAML mapping of flags, such as `model: llama-3.1-8b`")
    held = {_field(k): v for k, v in data.items()}
    known, elsewhere = names(PredictQuestion), names(PlanQuestion)
    kept = {n: v for n, v in held.items() if n in known or n not in elsewhere}
    if isinstance(kept.get("config"), str):
        kept["config"] = str(file.parent / kept["config"])
    return {n: v for n, v in kept.items() if n not in _FIXED}, file.name


def _field(key: Any) -> str:
    name = str(key).replace("-", "_")
    return names(PredictQuestion).get(name, name)


def _shown(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in asked.items() if value is not None and name != "stack"}


def _digest(path: Path) -> str:
    found = hashlib.sha256()
    for file in _files(path):
        with file.open("rb") as opened:
            while piece := opened.read(1 << 20):
                found.update(piece)
    return found.hexdigest()


def _files(path: Path) -> Iterator[Path]:
    yield from sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else (path,)
