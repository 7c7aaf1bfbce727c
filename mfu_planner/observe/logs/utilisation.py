"""The MFU of a log: as it claims, as the planner computes it, and what it was divided by."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.observe.logs.quantities import Quantities, missing
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.report import ImpliedPeak
from mfu_planner.run import solve

if TYPE_CHECKING:
    from mfu_planner.answers.measure import Measurement

WORK = ("model", "config", "params")
#: The convention by which a framework counts its own FLOPs.
CONVENTIONS = {
    "nanochat": "nanochat",
    "llm.c": "llm.c",
    "torchtitan": "torchtitan",
    "maxtext": "maxtext",
    "olmo-core": "olmo",
    "composer": "llm-foundry",
    "prime": "torchtitan",
    "megatron-lm": "megatron",
    "verl": "verl",
}
#: A training step is a forward pass and two backward ones.
_PASSES = 3
#: The forward pass counted a second time makes 4 of 3.
_RECOMPUTED, _CLOSE, _SAME_PEAK = 4 / 3, 0.06, 0.01
#: Counts of the same work by different conventions stay within this factor.
_OTHER_MODEL = 1.6


@functools.cache
def denominators() -> dict[str, Any]:
    """Frameworks that divide by one hard-coded peak, with the source of each."""
    data: dict[str, Any] = json.loads(Path(__file__).with_name("denominators.json").read_text(encoding="utf-8"))
    return data


def implied_peak(log: Reading, name: str, stated: dict[str, float]) -> ImpliedPeak | None:
    """The peak that the log's MFU divides by: stated, hard-coded in the framework, or its TFLOP/s ÷ MFU."""
    mfu, rate = stated.get("mfu"), stated.get("flops_per_s_per_device")
    fixed = denominators().get(name)
    peak = log.header.values.get("peak_flops_per_s")
    if fixed is not None and mfu:
        log.note(
            "log/hard-coded-peak", "warning",
            f"this framework always divides by {fixed['flops_per_s'] / 1e12:g} TFLOP/s ({fixed['device']}), "
            f"whatever the hardware",
            flops_per_s=fixed["flops_per_s"], source=fixed["source"],
        )  # fmt: skip
        peak = fixed["flops_per_s"]
    elif peak is None and mfu and rate:
        peak = _peak(rate, mfu)
    if peak is None:
        return None
    return ImpliedPeak(flops_per_s=peak, matches=_known_peaks(peak))


def by_own_convention(name: str, computed: dict[str, Any], stated: dict[str, float]) -> ImpliedPeak | None:
    """The peak implied by a log that states an MFU and no TFLOP/s: its rate under its framework's own convention."""
    mine = computed.get("by_convention", {}).get(CONVENTIONS.get(name, ""))
    if not mine or not stated.get("mfu") or computed["mfu_source"] != "computed from tokens per second":
        return None
    peak = _peak(_achieved(mine, computed["peak_flops_per_s"]), stated["mfu"])
    return ImpliedPeak(flops_per_s=peak, matches=_known_peaks(peak))


def _achieved(mfu: float, peak: float) -> float:
    return float(solve({"mfu": mfu, "peak_flops_per_s": peak})["achieved_flops_per_s_per_device"])


def _peak(achieved: float, mfu: float) -> float:
    return float(solve({"achieved_flops_per_s_per_device": achieved, "mfu": mfu})["peak_flops_per_s"])


def _known_peaks(peak: float) -> tuple[str, ...]:
    """Catalogue peaks within a hundredth, nearest first."""
    from mfu_planner.hardware import implied_peak as match

    names = (
        f"{m.accelerator_id} {m.dtype}{' sparse' if m.sparse else ''}" for m in match(peak, 1.0, tolerance=_SAME_PEAK)
    )
    return tuple(dict.fromkeys(names))[:8]


def preset_length(given: dict[str, Any]) -> tuple[float | None, str]:
    """The length that ``mfu`` would take for this model where nobody says one, and where it comes from."""
    named = {k: given[k] for k in ("model", "config") if given.get(k) is not None}
    if not named or given.get("seq_len") is not None:
        return None, ""
    model = named.get("model")
    length = _length_of(model) if isinstance(model, str) and "config" not in named else _own_length(**named)
    return length, "" if length is None else "the length that the model was trained at"


@functools.lru_cache(maxsize=64)
def _length_of(model: str) -> float | None:
    return _own_length(model=model)  # a folder of logs asks it for each of them


def _own_length(**named: Any) -> float | None:
    from mfu_planner.answers.measure import measure

    try:
        found = measure(**named, peak=1e15, tokens_per_second_per_device=1.0)
    except (InputError, NoAnswer):
        return None
    return None if found.seq_len is None else float(found.seq_len)


def planner_mfu(
    log: Reading, q: Quantities, given: dict[str, Any], stated: dict[str, float], implied: ImpliedPeak | None
) -> dict[str, Any]:
    """What the planner makes of the log's rate: ``mfu``, ``hfu``, ``convention`` … and where it comes from.

    Needs a model and hardware (then from tokens per second), or hardware alone (then from the log's own TFLOP/s).
    """
    given = {k: v for k, v in given.items() if v is not None and v is not False}
    has_model = any(k in given for k in WORK)
    has_peak = "hardware" in given or "peak" in given
    if isinstance(given.get("hardware"), str):
        _other_hardware(log, given["hardware"])
    if not has_peak and has_model and log.header.device_name is not None:
        has_peak = _take_hardware_from_log(log, given)
    if not has_peak:
        if has_model:
            log.note("log/no-hardware", "warning", "no MFU computed: give --hardware or --peak beside the model")
        return {}
    from mfu_planner.answers.measure import measure

    rate, claimed = q.value("tokens_per_s_per_device"), stated.get("flops_per_s_per_device")
    source = "the log's TFLOP/s ÷ the peak"
    if claimed is None and implied is not None and stated.get("mfu"):
        claimed, source = _achieved(stated["mfu"], implied.flops_per_s), "the log's MFU × its peak ÷ the peak here"
    if log.forward_only and claimed is not None:
        has_model = False
    if has_model and rate is not None:
        length = q.value("seq_len")
        if "seq_len" not in given and length is not None:
            given["seq_len"] = int(length)
        result = measure(**given, tokens_per_second_per_device=rate)
        source = "computed from tokens per second"
    elif claimed is not None:
        for key in (*WORK, "active_params", "seq_len", "recompute"):
            given.pop(key, None)
        result = measure(**given, flops_per_second_per_device=claimed)
    else:
        wanted = missing(q)
        what = (
            f"tokens per second per device{' (give ' + ', '.join(wanted) + ')' if wanted else ''}"
            if has_model
            else "a model, or a log that states TFLOP/s"
        )
        log.note("log/no-rate", "warning", f"no MFU computed: that needs {what}")
        return {}
    if log.forward_only and source == "computed from tokens per second":
        return _forward(result)
    return {
        "mfu": result.mfu,
        "hfu": result.hfu,
        "convention": result.convention,
        "by_convention": result.by_convention,
        "mfu_source": source,
        "achieved_flops_per_s_per_device": result.achieved_flops_per_s_per_device,
        "peak_flops_per_s": result.peak_flops_per_s,
        "flops_per_token": result.flops_per_token,
        "warnings": result.warnings,
        "devices": {k: getattr(result, k) for k in ("device_is", "counted_as", "mfu_if_counted_in")},
        "findings": result.findings,
    }


def _other_hardware(log: Reading, name: str) -> None:
    """The user's hardware wins over the device that the text names; that it is another is said."""
    from mfu_planner.hardware import resolve

    try:
        own, given = resolve(log.header.device_name or ""), resolve(name)
    except InputError:
        return
    if own.id != given.id:
        log.note(
            "log/contradicts-hardware", "warning",
            f"the log's text names {log.header.device_name} ({own.id}), but {given.id} was given: that is used",
            log=own.id, given=given.id,
        )  # fmt: skip


def _forward(result: Measurement) -> dict[str, Any]:
    """A third of a training step's work: the forward pass of each token."""
    work = None if result.flops_per_token is None else float(result.flops_per_token) / _PASSES
    return {
        "mfu": result.mfu / _PASSES,
        "convention": result.convention,
        "by_convention": {k: None if v is None else v / _PASSES for k, v in result.by_convention.items()},
        "mfu_source": "computed from tokens per second, forward pass only",
        "achieved_flops_per_s_per_device": result.achieved_flops_per_s_per_device / _PASSES,
        "peak_flops_per_s": result.peak_flops_per_s,
        "flops_per_token": work,
        "warnings": result.warnings,
    }


def _take_hardware_from_log(log: Reading, given: dict[str, Any]) -> bool:
    from mfu_planner.hardware import resolve

    try:
        found = resolve(log.header.device_name or "")
    except InputError:
        return False
    given["hardware"] = found.id
    log.note("log/hardware-from-log", "note", f"hardware taken from the log: {log.header.device_name} = {found.id}")
    return True


def compare(log: Reading, computed: dict[str, Any], stated: dict[str, float], implied: ImpliedPeak | None) -> None:
    """Findings on the log's claim beside the planner's figure."""
    peak = computed.get("peak_flops_per_s")
    if implied is not None and peak and abs(implied.flops_per_s / peak - 1) > _SAME_PEAK:
        names = f" (= {', '.join(implied.matches[:3])})" if implied.matches else ""
        log.note(
            "log/other-peak", "warning",
            f"the log's MFU divides by {implied.flops_per_s / 1e12:.4g} TFLOP/s{names}, but the peak here is "
            f"{peak / 1e12:.4g} TFLOP/s",
            implied=implied.flops_per_s, peak=peak,
        )  # fmt: skip
    if computed.get("mfu_source") != "computed from tokens per second":
        return
    achieved, claimed = computed["achieved_flops_per_s_per_device"], stated.get("flops_per_s_per_device")
    if claimed and abs(claimed / achieved / _RECOMPUTED - 1) < _CLOSE:
        log.note(
            "log/hfu-called-mfu", "warning",
            f"the log's {claimed / 1e12:.4g} TFLOP/s is {claimed / achieved:.2f} times the model's "
            f"{achieved / 1e12:.4g}: it counts the "
            "recomputed forward pass and is hardware FLOP/s",
            claimed=claimed, model=achieved,
        )  # fmt: skip
        log.notes[:] = [n for n in log.notes if n.code != "log/recomputation-may-be-counted"]
    elif claimed and peak and not log.phase_mfu and not 1 / _OTHER_MODEL < claimed / achieved < _OTHER_MODEL:
        log.note(
            "log/other-work", "warning",
            f"the log counts {claimed / 1e12:.4g} TFLOP/s per device, the model given {achieved / 1e12:.4g}: another "
            f"model, length or batch than the log's; by its own count the MFU is {claimed / peak:.1%}",
            claimed=claimed, model=achieved, mfu_if_so=claimed / peak,
        )  # fmt: skip
    mfu, mine = stated.get("mfu"), computed["mfu"]
    if log.phase_mfu:
        return
    if mfu and abs(mfu / mine - 1) > 0.02:
        factor = (implied.flops_per_s / peak) if implied is not None and peak else 1.0
        near = [n for n, v in computed["by_convention"].items() if v and abs(mfu * factor / v - 1) < 0.01]
        by = f"; {', '.join(near[:4])} on its own peak reproduces the log's" if near else ""
        log.note(
            "log/mfu-differs", "note", f"the log says {mfu:.2%}, the planner {mine:.2%} ({computed['convention']}){by}",
            log=mfu, planner=mine, conventions=", ".join(near) or None,
        )  # fmt: skip
