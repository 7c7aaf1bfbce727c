"""What was observed: the flags, completed by what a log and a trace say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.evidence import Measured, from_answers, from_log, from_trace
from mfu_planner.diagnosis.given import MONEY, OBSERVED, SUBJECT, Answers
from mfu_planner.diagnosis.result import CauseFinding
from mfu_planner.diagnosis.stated import computed_format, padding_of, usd_per_day
from mfu_planner.errors import InputError, NoAnswer, PlannerError

if TYPE_CHECKING:
    from mfu_planner.answers.measure import Measurement

MOST = 100.0
"""An MFU beyond this is no number of MFU at all."""
_SEVERITY = {"info": "note"}
_RATES = ("tokens_per_second", "tokens_per_second_per_device", "step_time", "flops_per_second_per_device", "tokens")


@dataclass
class Observed:
    """The run as seen from outside."""

    given: dict[str, Any]
    answers: Answers
    measured: Measured = field(default_factory=Measured)
    measurement: Measurement | None = None
    mfu: float | None = None
    device_s_per_token: float | None = None
    step_time_s: float | None = None
    padding: float = 0.0
    """Share of the computed tokens that are padding."""
    usd_per_day: float | None = None
    """What all of the job's devices cost a day."""
    findings: list[CauseFinding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)


def observe(given: dict[str, Any], answers: Answers) -> Observed:
    """Read the files, compute the MFU, collect what was measured.

    Raises
    ------
    InputError, NoAnswer
        From the readers and from :func:`mfu_planner.measure`; nothing observed at all.
    """
    seen = Observed(dict(given), answers)
    computed_format(given=seen.given, warnings=seen.warnings)
    if "log" in given:
        _read_log(seen)
    if "trace" in given:
        _read_trace(seen)
    _measure(seen)
    from_answers(seen.measured, seen.answers, seen.step_time_s)
    return seen


def _say(seen: Observed, findings: Any) -> None:
    seen.findings += [
        CauseFinding(
            code=f.code,
            severity=_SEVERITY.get(f.severity, f.severity),
            message=f.message,
            evidence=dict(getattr(f, "evidence", {})),
        )
        for f in findings
    ]


def _read_log(seen: Observed) -> None:
    from mfu_planner.observe.logs import read_log
    from mfu_planner.observe.logs.report import LogReport

    given = seen.given
    passed = {
        k: given[k]
        for k in SUBJECT
        if k in given
        and k not in ("devices", "global_batch", "seq_len", "attention_kernel", "target_seq_len", "image_size")
    }
    described = any(k in passed for k in ("model", "config", "params")) and any(
        k in passed for k in ("hardware", "peak")
    )
    report = given["log"]
    if not isinstance(report, LogReport):
        report = read_log(
            report,
            devices=given.get("devices"),
            global_batch=given.get("global_batch"),
            seq_len=given.get("seq_len"),
            **(passed if described else {}),
        )
    _say(seen, report.findings)
    from_log(seen.measured, report)
    if seen.answers.framework is None and seen.answers.stack is None:
        from mfu_planner.diagnosis.knowledge import framework_stack

        if framework_stack(report.format):
            seen.answers = replace(seen.answers, framework=report.format)
            seen.assumptions.append(f"framework {report.format}, by the log's format")
    for flag, value in (
        ("devices", report.devices),
        ("seq_len", report.seq_len),
        ("global_batch", report.global_batch),
    ):
        if flag not in given and value:
            given[flag] = round(value)
    if "hardware" not in given and "peak" not in given and report.device_name:
        given["hardware"] = report.device_name
    if not any(name in given for name in _RATES):
        rate = report.tokens_per_s_per_device
        if rate:
            given["tokens_per_second_per_device"] = rate
        elif report.reported.tflops_per_device:
            given["flops_per_second_per_device"] = report.reported.tflops_per_device * 1e12
    seen.step_time_s = report.step_time_s
    seen.mfu = report.mfu
    seen.warnings += [w for w in report.warnings if w not in {f.message for f in report.findings}]


def _read_trace(seen: Observed) -> None:
    from mfu_planner.observe.traces import read_trace

    given = seen.given
    report = read_trace(given["trace"])
    _say(seen, report.findings)
    from_trace(seen.measured, report, compiled=seen.answers.compiled)
    seen.warnings += report.warnings
    if "hardware" not in given and "peak" not in given and report.device and _known(report.device):
        given["hardware"] = report.device
    if "devices" not in given and report.world_size:
        given["devices"] = report.world_size
    if not any(name in given for name in _RATES) and report.step_time_s and "global_batch" in given:
        given["step_time"] = f"{report.step_time_s!r} s"
        given.setdefault("devices", 1)
    seen.step_time_s = seen.step_time_s or report.step_time_s


def _known(device: str) -> bool:
    from mfu_planner.hardware import resolve

    try:
        resolve(device)
    except PlannerError:
        return False
    return True


def _measure(seen: Observed) -> None:
    given = seen.given
    if "mfu" in given:
        _from_mfu(seen)
    named = any(k in given for k in ("model", "config", "params"))
    rated = any(k in given for k in _RATES)
    rates = any(k in given for k in ("tokens_per_second", "tokens_per_second_per_device"))
    hard = "hardware" in given or "peak" in given
    if rated and hard and (named or "flops_per_second_per_device" in given):
        from mfu_planner.answers.measure import measure

        flags = {
            k: given[k] for k in (*SUBJECT, *OBSERVED, *MONEY) if k in given and k not in ("mfu", "attention_kernel")
        }
        seen.padding = seen.answers.padding or padding_of(given)
        if "step_time" not in flags or (seen.padding and rates):
            flags.pop("global_batch", None)
            flags.pop("step_time", None)
        if seen.answers.goodput is not None and "device_hours" in flags:
            flags["goodput"] = given["goodput"]
        found = measure(**flags)
        seen.measurement, seen.mfu = found, found.mfu
        seen.warnings += found.warnings
        seen.usd_per_day = usd_per_day(flags, found)
        _say(seen, found.findings)
        if found.tokens_per_s_per_device:
            seen.device_s_per_token = 1.0 / found.tokens_per_s_per_device
        elif found.flops_per_token is None and named:
            seen.device_s_per_token = None
        if "step_time" in given:
            from mfu_planner.units import parse

            seen.step_time_s = parse(given["step_time"], "time", field="step-time")
        return
    if seen.measured.products is not None or seen.mfu is not None or seen.measured.parts:
        return
    if rated:
        what = "--hardware NAME or --peak" if not hard else "--model NAME or --config PATH"
        raise InputError("model" if hard else "hardware", "nothing", f"{what}: a rate alone is no MFU")
    if "log" in given:
        raise NoAnswer(
            "the log states no rate that a diagnosis could start from: give --model, --hardware and --devices"
        )
    raise InputError(
        "observed",
        "nothing",
        "a throughput (--tokens-per-second-per-device, --step-time with --global-batch, --mfu), "
        "--log FILE or --trace FILE",
    )


def _from_mfu(seen: Observed) -> None:
    """A bare MFU with a model and hardware is a rate."""
    from mfu_planner.answers.measure import measure
    from mfu_planner.questions.evidence import DiagnoseQuestion

    given = seen.given
    seen.mfu = DiagnoseQuestion.of({"mfu": given["mfu"]}).mfu or 0.0
    if not 0 < seen.mfu <= MOST:
        raise InputError("mfu", given["mfu"], f"a fraction above 0 and at most {MOST:g}, such as 0.35")
    if any(k in given for k in _RATES) or not ("hardware" in given or "peak" in given):
        return
    if any(k in given for k in ("model", "config", "params")):
        flags = {k: given[k] for k in SUBJECT if k in given and k not in ("attention_kernel", "global_batch")}
        unit = measure(**flags, tokens_per_second_per_device=1.0)
        given["tokens_per_second_per_device"] = seen.mfu / unit.mfu
