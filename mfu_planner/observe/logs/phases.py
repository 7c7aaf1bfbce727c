"""Phases of a step of reinforcement learning: seconds, tokens, model FLOPs and MFU of each, and of the whole step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.observe.logs.dialects.reinforcement import FORWARD_ONLY, GENERATION, SYNC, TRAINERS, TRAINING, WAITING
from mfu_planner.observe.logs.quantities import Quantities
from mfu_planner.observe.logs.reading import Reading
from mfu_planner.observe.logs.report import DeviceGroup, Phase
from mfu_planner.observe.logs.utilisation import CONVENTIONS, WORK
from mfu_planner.run import solve

#: A training step is a forward pass and two backward ones.
_PASSES = 3
_PARTLY_TRAINED = ("lora_rank", "freeze")


def phases(
    log: Reading,
    q: Quantities,
    seconds: Mapping[str, float],
    computed: Mapping[str, Any],
    stated: Mapping[str, float],
    given: Mapping[str, Any],
    log_format: str = "",
) -> tuple[Phase, ...]:
    """Each named phase; FLOPs where the policy runs over all tokens of the step and the planner knows the model."""
    step, tokens, work = q.value("step_time_s"), q.value("tokens_per_step"), computed.get("flops_per_token")
    peak = computed.get("peak_flops_per_s")
    own = _own_work(log_format, q, given) if log.phase_mfu and work else None
    out = []
    for name, each in seconds.items():
        through = tokens if name in (TRAINING, *FORWARD_ONLY) else None
        flops = _work(name, work, given)
        counted = _counted(log, "generation" if name == GENERATION else "training")
        held = {"devices": counted or (None if log.apart else q.value("devices")), "peak_flops_per_s": peak}
        out.append(
            Phase(
                name=name,
                seconds_per_step=each,
                share=each / step if step else None,
                tokens_per_step=through,
                model_flops_per_token=flops,
                mfu=_possible(log, name, _by(flops, each, through, held)),
                own_convention_mfu=_possible(log, name, _by(own, each, through, held)) if name == TRAINING else None,
                reported_mfu=stated.get("mfu") if name == TRAINING and log.phase_mfu else None,
            )
        )
    return tuple(out)


def _own_work(name: str, q: Quantities, given: Mapping[str, Any]) -> float | None:
    """FLOPs of a token of training by the convention of the framework that wrote the log; None where it has none."""
    asked = {k: v for k, v in given.items() if v is not None and v is not False and k not in ("hardware", "peak")}
    if name not in CONVENTIONS or not any(k in asked for k in WORK):
        return None
    from mfu_planner.answers.measure import measure

    asked |= {"convention": CONVENTIONS[name], "peak": 1e15, "tokens_per_second_per_device": 1.0}
    if length := q.value("seq_len"):
        asked.setdefault("seq_len", int(length))
    try:
        return measure(**asked).flops_per_token
    except (InputError, NoAnswer):
        return None


def _by(work: float | None, seconds: float, tokens: float | None, held: Mapping[str, float | None]) -> float | None:
    return _mfu({"flops_per_token": work, "tokens_per_step": tokens, "step_time_s": seconds, **held})


def _possible(log: Reading, phase: str, mfu: float | None) -> float | None:
    """The MFU of a phase; none, and said, where it is above 100%."""
    if mfu is None or mfu <= 1:
        return mfu
    text = f"an MFU of {mfu:.1%} comes out of {phase}, which cannot be: its tokens, its time or its devices are others"
    log.note("log/phase-mfu-out-of-range", "error", text, mfu=mfu)
    return None


def _work(name: str, training: float | None, given: Mapping[str, Any]) -> float | None:
    if training is None:
        return None
    if name == TRAINING:
        return float(training)
    partly = any(given.get(k) for k in _PARTLY_TRAINED)
    return float(training) / _PASSES if name in FORWARD_ONLY and not partly else None


def of_the_step(found: tuple[Phase, ...], q: Quantities, peak: float | None) -> float | None:
    """MFU of the whole step: the model FLOPs of all its phases ÷ what the devices could do in it."""
    done = [p.tokens_per_step * p.model_flops_per_token for p in found if p.tokens_per_step and p.model_flops_per_token]
    known = {"total_flops": sum(done), "productive_time_s": q.value("step_time_s"), "devices": q.value("devices")}
    return _mfu({**known, "peak_flops_per_s": peak})


#: Phases that add up to no more than this of a step follow each other.
_IN_TURN = 1.02


def groups(log: Reading, found: tuple[Phase, ...], step: float | None) -> tuple[DeviceGroup, ...]:
    """Idle share of each group of devices in a step of ``step`` seconds.

    Where the trainer waits for samples, or the log counts two groups that make up the job, trainers and generators are
    apart; else all devices do one phase after the other, and what no phase of a model fills is idle.
    """
    seconds = {p.name: p.seconds_per_step for p in found}
    if not step or TRAINING not in seconds:
        return ()
    trainers = sum(seconds.get(name, 0.0) for name in (*TRAINERS, SYNC))
    generators, waiting = seconds.get(GENERATION), seconds.get(WAITING)
    if waiting is None and not _apart(log):
        busy = min(1.0, (trainers + (generators or 0.0)) / step)
        return (DeviceGroup(name="devices", idle_share=1 - busy, how="no phase of a model runs"),)
    in_turn = not _apart(log) and trainers + (generators or 0.0) <= _IN_TURN * step
    both = "; none where the same devices generate" if generators and in_turn else ""
    waits = min(1.0, waiting / step) if waiting is not None else max(0.0, 1 - trainers / step)
    how = f"waiting for samples{both}" if waiting is not None else "no phase of training runs"
    out = [DeviceGroup(name="training devices", devices=_counted(log, "training"), idle_share=waits, how=how)]
    if generators:
        idle, count = max(0.0, 1 - generators / step), _counted(log, "generation")
        how = f"not generating{both.replace('generate', 'train')}"
        out.append(DeviceGroup(name="generating devices", devices=count, idle_share=idle, how=how))
    return tuple(out)


def _apart(log: Reading) -> bool:
    """Whether the log counts trainers and generators that make up the job together."""
    return bool(log.groups) and sum(log.groups.values()) == log.header.values.get("devices")


def _counted(log: Reading, group: str) -> int | None:
    return round(log.groups[group]) if _apart(log) and group in log.groups else None


def by_training_alone(
    log: Reading, found: tuple[Phase, ...], computed: Mapping[str, Any]
) -> tuple[tuple[Phase, ...], dict[str, Any]]:
    """A log's FLOP/s of the training phase: the phase's MFU, and over the whole step what it alone comes to."""
    if not (log.phase_mfu and computed.get("mfu") and str(computed["mfu_source"]).startswith("the log's")):
        return found, {}
    of_phase = float(computed["mfu"])
    out = tuple(p.model_copy(update={"mfu": of_phase}) if p.name == TRAINING else p for p in found)
    share = next((p.share for p in found if p.name == TRAINING), None)
    source = f"{computed['mfu_source']}, of training alone over the whole step"
    return out, {"mfu": of_phase * share if share else None, "hfu": None, "mfu_source": source}


def _mfu(known: Mapping[str, float | None]) -> float | None:
    """From quantities that determine it; None where one of them is missing."""
    positive = all(value is not None and value > 0 for value in known.values())
    return float(solve(known, ["mfu"])["mfu"]) if positive else None
