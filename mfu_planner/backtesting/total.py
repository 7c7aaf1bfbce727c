"""Whole runs: the effective MFU of all their device-hours, beside what similar runs reach in a step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mfu_planner.backtesting.runs import RunRow, Unusable, number_format
from mfu_planner.backtesting.sources import RunSources, load_sources
from mfu_planner.backtesting.summary import blank, summarise
from mfu_planner.errors import InputError
from mfu_planner.published.similar import is_mixture, similar_runs
from mfu_planner.run import solve
from mfu_planner.units import DAY, HOUR

ASSUMPTIONS = (
    "published: effective MFU = 6 · active parameters · tokens ÷ (device-hours · peak of the run's number format, bf16 "
    "where it is blank): 6N leaves attention out, hours hold restarts, evaluation and idle time",
    "predicted: the median MFU of similar published steps (size, hardware, number format), what a plan without a "
    "target would take; whole runs reach less by their goodput",
    "device-hours: gpu_hours, else wall-clock days × devices",
)
"""The rule behind each figure."""


def total_backtest(runs: Sequence[RunRow], sources: RunSources | None = None) -> dict[str, Any]:
    """Effective MFU of whole runs from their tokens and hours, in percent of the peak.

    Returns
    -------
    dict
        ``rows``: ``published`` (effective), ``predicted`` (typical of similar steps), ``error``, ``skipped``, beside
        ``reported_mfu`` (of a step, where the source prints one) and ``note`` (why a row does not compare);
        ``summary`` and ``assumptions``.
    """
    known = sources or load_sources()
    rows = []
    for run in runs:
        try:
            found = _row(run, known)
        except Unusable as reason:
            found = {**blank(run), "skipped": str(reason)}
        rows.append(found)
    return {"rows": rows, "summary": summarise(runs, rows), "assumptions": list(ASSUMPTIONS)}


def asked(run: RunRow) -> tuple[str, dict[str, Any] | None]:
    """The command and the flags that give a row's published figure, the effective MFU by 6N; null where left out."""
    try:
        _row(run, load_sources())
        params = run.number("params") or run.number("active_params") or 0.0
        spent, active = _device_time(run) / HOUR, run.number("active_params") or params
    except Unusable:
        return "mfu", None
    return "mfu", {
        "params": round(params),
        "active_params": round(active),
        "hardware": run.text("hw_key"),
        "peak_dtype": number_format(run.text("dtype")),
        "tokens": run.number("total_tokens"),
        "device_hours": spent,
        "goodput": 1.0,
    }


def _row(run: RunRow, sources: RunSources) -> dict[str, Any]:
    from mfu_planner.hardware import resolve

    if run.text("kind") != "total_run":
        raise Unusable("not a whole run")
    params, tokens = run.number("active_params") or run.number("params"), run.number("total_tokens")
    if params is None or tokens is None:
        raise Unusable("parameters or tokens not stated")
    spent = _device_time(run)
    kind = number_format(run.text("dtype"))
    try:
        device = resolve(run.text("hw_key"))
        peak = device.peak_flops_per_s(kind)
    except InputError as error:
        raise Unusable(f"peak not known: {error}") from None
    packages = device.devices_per_package if device.device_kind == "core" else 1
    known = {"flops_per_token": 6 * params, "tokens": tokens, "goodput": 1.0, "peak_flops_per_s": peak}
    effective = 100 * solve({**known, "device_time_s": spent * packages}, ["mfu"])["mfu"]
    mixture = is_mixture(round(run.number("params") or params), round(params))
    similar = similar_runs(round(params), device.id, devices=run.size("num_devices"), dtype=kind, mixture=mixture)
    typical = None if similar is None else 100 * similar.typical
    return {
        **blank(run),
        "published": effective,
        "predicted": typical,
        "error": None if typical is None else typical / effective - 1,
        "low": None if similar is None else 100 * similar.low,
        "high": None if similar is None else 100 * similar.high,
        "reported_mfu": run.number("mfu_reported"),
        "note": _note(run, sources, effective),
    }


def _device_time(run: RunRow) -> float:
    """Device time of the whole run, in what the source counts [device·s]."""
    hours, days, devices = (run.number(column) for column in ("gpu_hours", "wallclock_days", "num_devices"))
    if hours is not None:
        return hours * HOUR
    if days is None or devices is None:
        raise Unusable("device-hours not stated")
    return float(solve({"devices": devices, "training_time_s": days * DAY}, ["device_time_s"])["device_time_s"])


def _note(run: RunRow, sources: RunSources, effective: float) -> str | None:
    """Why a whole run's figure does not compare, where that is known."""
    if effective > 100:
        return "above the peak: the source's time is impossible"
    return next((m.reason for m in sources.total_notes if m.covers(run.id)), None)
