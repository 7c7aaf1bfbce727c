"""``read_log``: from a training log to throughput and MFU."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from mfu_planner.errors import InputError, NoAnswer, nearest
from mfu_planner.observe.logs import gate, phases, remaining, segments, utilisation
from mfu_planner.observe.logs.checks import cross_check, scope_of_axolotl
from mfu_planner.observe.logs.goodput import goodput
from mfu_planner.observe.logs.ingest import Ingested, LogSource, ingest
from mfu_planner.observe.logs.metric_names import COLUMN_FIELDS
from mfu_planner.observe.logs.quantities import Quantities, gather, missing
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.report import DroppedStep, Finding, LogReport, Reported, SteadyWindow
from mfu_planner.observe.logs.source import Progress
from mfu_planner.observe.logs.steady import RULE, Window, averages, choose, phase_means
from mfu_planner.units import parse, parse_whole

_RATES = ("step_time_s", "tokens_per_s", "tokens_per_s_per_device", "samples_per_s", "flops_per_s_per_device")
_SHOWN = (
    "step_time_s",
    "tokens_per_step",
    "tokens_per_s",
    "tokens_per_s_per_device",
    "samples_per_s",
    "global_batch",
    "seq_len",
)
_COMPUTED = ("achieved_flops_per_s_per_device", "peak_flops_per_s", "convention", "flops_per_token")
_WANTED = {
    "step_time_s": "step time",
    "tokens_per_s": "tokens per second",
    "tokens_per_s_per_device": "tokens per second per device",
}


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
        A path, a folder, ``-`` for standard input, several paths, an open file, or the text itself (with a line end).
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
    length = (None, "") if knows_length else utilisation.preset_length(measured)
    q = gather(found.log, window, stated, {**given, "tokens_per_step": tokens_per_step}, length)
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
    return _report(found, window, q, stated, measured, (target_tokens, tokens_done, price), extra)


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


def _report(
    found: Ingested,
    window: Window,
    q: Quantities,
    stated: dict[str, float],
    measured: dict[str, Any],
    ahead: tuple[float | str | None, float | str | None, float | str | None],
    extra: dict[str, Any],
) -> LogReport:
    log = found.log
    claimed = stated.get("flops_per_s_per_device") or q.value("flops_per_s_per_device")
    implied = utilisation.implied_peak(log, found.name or "", stated)
    computed = utilisation.planner_mfu(log, q, measured, stated, implied)
    implied = implied or utilisation.by_own_convention(found.name or "", computed, stated)
    utilisation.compare(log, computed, stated, implied)
    repeated = stated.get("mfu") if stated.get("mfu", 2.0) <= 1 and not log.phase_mfu else None
    wanted = _describing(measured)
    if not computed and repeated is not None:
        log.note("log/mfu-as-reported", "note", f"the MFU is the log's own claim{wanted}")
    parts = phases.phases(log, q, phase_means(window), computed, stated, measured)
    if (whole := phases.of_the_step(parts, q, computed.get("peak_flops_per_s"))) is not None:
        computed |= {"mfu": whole, "mfu_source": "model FLOPs of all phases ÷ the whole step"}
        computed["findings"] = [f for f in computed["findings"] if f.code != "sanity/too-low"]
    head = gate.headline(log, q, computed, repeated)
    done, done_origin = remaining.tokens_done(log, q, ahead[1])
    left = remaining.remaining(log, q, done, ahead[0], ahead[2])
    findings = tuple(
        Finding(code=n.code, severity=n.severity, message=n.message, evidence=n.evidence)
        for n in gate.ordered(log.notes)
    )
    origins = {name: q[name].origin for name in (*_SHOWN, "devices") if name in q}
    if done is not None:
        origins["tokens_done"] = done_origin
    return LogReport(
        format=found.name or "",
        files=tuple(found.files),
        **_counts(found, window),
        **{name: q.value(name) for name in _SHOWN},
        devices=_whole(q.value("devices")),
        **computed.get("devices", {}),
        device_name=log.header.device_name,
        tokens_done=done,
        reported=Reported(
            mfu=stated.get("mfu"),
            hfu=stated.get("hfu"),
            tflops_per_device=None if claimed is None else claimed / 1e12,
            hardware_tflops_per_device=_tera(stated.get("hardware_flops_per_s_per_device")),
        ),
        **head,
        job=_of_the_job(log),
        phases=parts,
        **extra,
        mfu_source=computed.get("mfu_source", None if repeated is None else "as the log reports it"),
        **{k: computed.get(k) for k in _COMPUTED},
        implied_peak=implied,
        data_wait_share=_share(stated.get("data_s"), q.value("step_time_s")),
        parts_s={k: total / n for k, (total, n) in log.parts.items() if not k.endswith("samples_per_s")},
        origins=origins,
        **left,
        findings=findings,
        warnings=_warnings(q, findings, computed, stated, measured),
    )  # fmt: skip


def _counts(found: Ingested, window: Window) -> dict[str, Any]:
    store = (found.whole or found.log).store
    steps = [r.step for r in store.records() if r.step is not None and not r.evaluation]
    kept = [r.step for r in window.kept if r.step is not None]
    ordered = sorted(window.seconds) if window.basis not in (None, "mfu") and "step" in (window.basis or "") else []
    return {
        "steps": max(store.counted - sum(r.evaluation for r in store.records()), 0)
        or int(found.log.summary.get("steps", 0)),
        "first_step": min(steps, default=None),
        "last_step": max(steps, default=None),
        "total_steps": found.log.total_steps,
        "copies": store.copies,
        "dropped": tuple(DroppedStep(step=s, reason=r, step_time_s=t) for s, r, t in store.dropped),
        "window": SteadyWindow(
            first_step=min(kept, default=None),
            last_step=max(kept, default=None),
            records=len(window.seconds),
            dropped=dict(store.drop_counts),
            rule=RULE,
            basis=window.basis,
            step_time_p10_s=ordered[len(ordered) // 10] if ordered else None,
            step_time_p90_s=ordered[len(ordered) * 9 // 10] if ordered else None,
        ),
    }


def _describing(measured: dict[str, Any]) -> str:
    """What else a computed MFU needs, as the end of a sentence; empty where all is given."""
    model = "" if any(measured.get(k) is not None for k in ("model", "config", "params")) else "--model (or --config)"
    hardware = "" if any(measured.get(k) is not None for k in ("hardware", "peak")) else "--hardware"
    wanted = " and ".join(filter(None, (model, hardware)))
    return f": give {wanted} to have it computed" if wanted else ""


def _of_the_job(log: Reading) -> dict[str, float]:
    """What the file says of the whole run, start-up, evaluation and checkpoints included."""
    names = ("runtime_s", "steps", "samples_per_s", "steps_per_s", "tokens_per_s", "tokens_total", "total_flops")
    job = {k: log.summary[k] for k in names if log.summary.get(k)} | log.job
    for name in ("tokens_per_s_per_device", "mfu"):
        if value := log.summary.get("actual_" + name):
            job[name] = value
    return {k: v for k, v in job.items() if math.isfinite(v)}


def _warnings(
    q: Quantities,
    findings: tuple[Finding, ...],
    computed: dict[str, Any],
    stated: dict[str, float],
    measured: dict[str, Any],
) -> tuple[str, ...]:
    out = [f.message for f in findings if f.severity != "note"]
    wanted = missing(q)
    for name, words in _WANTED.items():
        if name not in q:
            own = [f for f in wanted if name != "step_time_s" or (f != "--devices" and "tokens_per_s" in q)]
            out.append(f"{words} unknown" + (f": give {', '.join(own)}" if own else ": the log states none"))
    if not computed and "mfu" not in stated and _describing(measured):
        out.append("MFU unknown" + _describing(measured))
    out += computed.get("warnings", ())
    return tuple(dict.fromkeys(out))


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)


def _tera(value: float | None) -> float | None:
    return None if value is None else value / 1e12


def _share(part: float | None, whole: float | None) -> float | None:
    return None if part is None or not whole else part / whole
