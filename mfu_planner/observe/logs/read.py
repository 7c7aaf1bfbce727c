"""``read_log``: from a training log to throughput and MFU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfu_planner.errors import InputError, NoAnswer, nearest
from mfu_planner.observe.logs import segments, utilisation
from mfu_planner.observe.logs.averages import averages, phase_means
from mfu_planner.observe.logs.checks import cross_check, scope_of_axolotl
from mfu_planner.observe.logs.goodput import goodput
from mfu_planner.observe.logs.ingest import Ingested, LogSource, ingest
from mfu_planner.observe.logs.metric_names import COLUMN_FIELDS
from mfu_planner.observe.logs.quantities import gather
from mfu_planner.observe.logs.report import LogReport
from mfu_planner.observe.logs.reporting import report
from mfu_planner.observe.logs.source import Progress
from mfu_planner.observe.logs.steady import choose
from mfu_planner.units import parse, parse_whole

_RATES = ("step_time_s", "tokens_per_s", "tokens_per_s_per_device", "samples_per_s", "flops_per_s_per_device")


def read_log(
    source: LogSource,
    *,
    devices: int | str | None = None,
    global_batch: float | str | None = None,
    seq_len: int | str | None = None,
    columns: Mapping[str, str] | None = None,
    target_tokens: float | str | None = None,
    tokens_done: float | str | None = None,
    price: float | str | None = None,
    progress: Progress | None = None,
    **measured: Any,
) -> LogReport:
    """Read a training log of any known framework.

    Parameters
    ----------
    source
        A path, a folder, ``-`` for standard input, several paths, an open file, or the text itself (with a line end,
        or JSON).
    devices, global_batch, seq_len
        What the log may not say: devices of the whole job, sequences (or ``"16M tokens"``) per step, tokens per
        sequence.  What is given wins over the log's header; a contradiction is a finding.
    columns
        For CSV and JSON lines: what is meant → column name, such as ``{"time": "dt", "tokens": "batch_tokens"}``.
    target_tokens, tokens_done, price
        For the remaining time, device-hours and cost (USD per device-hour).
    progress
        Called with the number of bytes of each stretch that is read.
    **measured
        ``model``/``config``/``params``, ``hardware``/``peak``, ``dtype``, ``convention``, ``recompute`` … as for
        :func:`mfu_planner.measure`: then the MFU is computed, not repeated.

    Raises
    ------
    NoAnswer
        The log has no timing, or is of no known format.
    InputError
        Something given cannot be used.

    Examples
    --------
    >>> log = "step: 10 tps: 6,344 tflops: 367.39 mfu: 37.15%\\nstep: 20 tps: 6,321 tflops: 366.06 mfu: 37.01%\\n"
    >>> round(read_log(log, devices=8).tokens_per_s)
    50660
    """
    given, tokens_per_step = _given(devices, global_batch, seq_len)
    found = ingest(source, _checked(columns), progress)
    if found.name is None:
        raise NoAnswer(_unknown(found))
    runs = segments.parts(found.log)
    whole, found.log = found.log, segments.speaking(runs).log
    window = choose(found.log, found.warmup)
    stated = averages(found.log, window)
    _sentinels(stated, found)
    knows_length = bool(given["seq_len"] or stated.get("seq_len") or found.log.header.values.get("seq_len"))
    own = knows_length or found.log.phase_mfu  # of uneven samples the mean length counts
    length = (None, "") if own else utilisation.preset_length(measured)
    q = gather(found.log, window, stated, {**given, "tokens_per_step": tokens_per_step}, length)
    tokens, samples = q.value("tokens_per_step"), q.value("global_batch")
    if found.log.phase_mfu and "seq_len" not in q:
        if tokens and samples:
            q.put("seq_len", tokens / samples, "derived: tokens of a step ÷ sequences")
        else:
            q.put("seq_len", *utilisation.preset_length(measured))
    if not any(name in q for name in _RATES) and "mfu" not in stated and not phase_means(window):
        where = ", ".join(found.files) or "the log"
        raise NoAnswer(
            f"{found.name}: no timing in {where}: neither a duration, a rate nor two time stamps with steps; "
            "log one of them, or give the file that has it"
        )
    if (parts := phase_means(window)) and "step_time_s" not in q:
        found.log.note(
            "log/only-phases", "warning",
            f"the log times parts of a step and not the step: together {sum(parts.values()):,.4g} s, a lower bound "
            "where they follow each other", seconds=sum(parts.values()),
        )  # fmt: skip
    cross_check(found.log, window, q, stated, given)
    scope_of_axolotl(found.log, q)
    extra = {"segments": segments.described(runs, found.warmup, given),
             "goodput": goodput(whole, q.value("step_time_s"))}  # fmt: skip
    if extra["segments"]:
        found.log.note(
            "log/segments", "note",
            f"the log holds {len(runs)} runs ({', '.join(dict.fromkeys(p.why for p in runs if p.why))}): the figures "
            "are of the last, the others stand in segments",
        )  # fmt: skip
    found.whole = whole
    return report(found, window, q, stated, measured, (target_tokens, tokens_done, price), extra)


def _given(
    devices: int | str | None, global_batch: float | str | None, seq_len: int | str | None
) -> tuple[dict[str, float | None], float | None]:
    given: dict[str, float | None] = {
        "devices": None if devices is None else float(parse_whole(devices, "device", field="devices")),
        "seq_len": None if seq_len is None else float(parse_whole(seq_len, "count", field="seq-len")),
        "global_batch": None,
    }
    if isinstance(global_batch, str) and "tok" in global_batch.lower():
        return given, parse(global_batch, "token", field="global-batch")
    if global_batch is not None:
        given["global_batch"] = parse(global_batch, "count", field="global-batch")  # batches by tokens have a mean
    for name, value in given.items():
        if value is not None and value < 1:
            raise InputError(name.replace("_", "-"), value, "at least 1")
    return given, None


def _checked(columns: Mapping[str, str] | None) -> Mapping[str, str] | None:
    if not columns:
        return None
    for name in columns:
        if name not in COLUMN_FIELDS:
            raise InputError("column", name, "one of " + ", ".join(COLUMN_FIELDS), nearest(name, COLUMN_FIELDS))
    return columns


def _unknown(found: Ingested) -> str:
    where, said = ", ".join(found.files) or "the log", ", ".join(found.log.header.values)
    if said:
        return f"format unknown: {where} names a run ({said}) but no step with a time or a rate"
    advice = "for a CSV or JSON lines give --column time=NAME"
    return f"format unknown: no line of {where} states a step with a time or a rate; {advice}"


def _sentinels(stated: dict[str, float], found: Ingested) -> None:
    """Whole-run utilisation, where no step states one."""
    for name in ("mfu", "hfu"):
        if name not in stated and found.log.summary.get(name, 0.0) > 0:
            stated[name] = found.log.summary[name]
    if "flops_per_s_per_device" not in stated and found.log.summary.get("flops_per_s_per_device", 0.0) > 0:
        stated["flops_per_s_per_device"] = found.log.summary["flops_per_s_per_device"]
