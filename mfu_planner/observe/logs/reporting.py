"""From what was read to the report: the MFU, its findings, what remains."""

from __future__ import annotations

import math
from typing import Any

from mfu_planner.observe.logs import gate, phases, remaining, utilisation
from mfu_planner.observe.logs.averages import phase_means
from mfu_planner.observe.logs.ingest import Ingested
from mfu_planner.observe.logs.quantities import Quantities, missing
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.report import DroppedStep, LogFinding, LogReport, Reported, SteadyWindow
from mfu_planner.observe.logs.steady import Window
from mfu_planner.observe.logs.typical import RULE

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


def report(
    found: Ingested,
    window: Window,
    q: Quantities,
    stated: dict[str, float],
    measured: dict[str, Any],
    ahead: tuple[float | str | None, float | str | None, float | str | None],
    extra: dict[str, Any],
) -> LogReport:
    """The report of a log whose quantities are known; ``ahead`` is the target, tokens done and price."""
    log = found.log
    claimed = stated.get("flops_per_s_per_device") or q.value("flops_per_s_per_device")
    implied = utilisation.implied_peak(log, found.name or "", stated)
    computed = utilisation.planner_mfu(log, q, measured, stated, implied)
    if not log.phase_mfu:  # else the log's is of one phase, the rate of all
        implied = implied or utilisation.by_own_convention(found.name or "", computed, stated)
    utilisation.compare(log, computed, stated, implied)
    repeated = stated.get("mfu") if stated.get("mfu", 2.0) <= 1 and not log.phase_mfu else None
    wanted = _describing(measured)
    if not computed and repeated is not None:
        log.note("log/mfu-as-reported", "note", f"the MFU is the log's own claim{wanted}")
    parts = phases.phases(log, q, phase_means(window), computed, stated, measured, found.name or "")
    parts, instead = phases.by_training_alone(log, parts, computed)
    computed |= instead
    if (whole := phases.of_the_step(parts, q, computed.get("peak_flops_per_s"))) is not None:
        computed |= {"mfu": whole, "mfu_source": "model FLOPs of all phases ÷ the whole step"}
        if log.apart:
            log.note(
                "log/generation-elsewhere", "warning",
                "generation runs beside the training, on devices that are counted here but whose work is not timed: "
                "the MFU leaves it out",
            )  # fmt: skip
    if whole is not None or instead:
        computed["findings"] = [f for f in computed["findings"] if f.code != "sanity/too-low"]
    head = gate.headline(log, q, computed, repeated)
    done, done_origin = remaining.tokens_done(log, q, ahead[1])
    left = remaining.remaining(log, q, done, ahead[0], ahead[2])
    findings = tuple(
        LogFinding(code=n.code, severity=n.severity, message=n.message, evidence=n.evidence)
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
        device_groups=phases.groups(log, parts, q.value("step_time_s")),
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
    findings: tuple[LogFinding, ...],
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
