"""From what is known to a run that the predictor can repeat: defaults are chosen, and said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.bench import NOTHING, Bench, bench_of
from mfu_planner.diagnosis.filling import attend, fill, impossible, shard
from mfu_planner.diagnosis.given import LAYOUT, SUBJECT, TRAINING
from mfu_planner.diagnosis.knowledge import framework_stack, knowledge
from mfu_planner.diagnosis.recomputed import recomputed
from mfu_planner.machine.calibrated import calibration
from mfu_planner.machine.own_stack import read_stack
from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from mfu_planner.diagnosis.given import Answers
    from mfu_planner.diagnosis.unsaid import Unsaid

_PREDICTED = (
    "model",
    "config",
    "image_size",
    "seq_len",
    "target_seq_len",
    "hardware",
    "machine",
    "dtype",
    "devices",
    "global_batch",
    "recompute",
    "attention_kernel",
)


ASSUMABLE = ("recompute", "micro_batch", "global_batch", "attention_kernel")
"""Flags that have a default here or in the software stack: where they were not said, they are no cause."""


@dataclass(frozen=True)
class Described:
    """A bench, or the reason that there is none."""

    bench: Bench | None
    compiled: bool | None
    assumptions: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    """Flags that were chosen here: what they cost is no cause."""
    reason: str = ""
    impossible: str = ""
    """Why the run as described cannot be: its states alone do not fit, or it is faster than its settings allow."""
    check: str = "check how the states are held: --zero, --offload, --optimizer, --devices"
    """What to look up then."""
    outrun: bool = False
    """Whether it is its speed that its settings do not allow."""
    reading: Unsaid | None = None
    """What was not given and is read so that it explains the observation."""
    without: float = 1.0
    """Observed ÷ expected time by the usual reading of it."""


_DESCRIBED: dict[str, Described] = {}
_MOST_DESCRIBED = 64


def describe(given: dict[str, Any], answers: Answers) -> Described:
    """Build the bench of a run; a contradiction in its layout is the user's to mend.

    The same description, asked again with another observation (a page's switches, a folder of logs), is remembered;
    not one of a file, which may change.
    """
    from mfu_planner.hardware._own import in_use

    flags = {
        k: given[k] for k in (*_PREDICTED, *TRAINING, *LAYOUT) if k in given and k in (*SUBJECT, *TRAINING, *LAYOUT)
    }
    if "node_network" in given:
        flags["nic"] = given["node_network"]
        flags["nic"] = _share_of(flags)
    modules = given.get("recompute_modules")
    own_stack = answers.stack is not None and read_stack(answers.stack) is not None
    if own_stack or "config" in flags or "machine" in flags:
        return _describe(flags, modules, answers)
    said = (answers.stack, answers.framework, answers.compiled, answers.fused_optimizer, modules, in_use())
    key = repr((sorted(flags.items()), said))
    if key not in _DESCRIBED:
        if len(_DESCRIBED) >= _MOST_DESCRIBED:
            _DESCRIBED.clear()
        _DESCRIBED[key] = _describe(flags, modules, answers)
    return _DESCRIBED[key]


def _share_of(flags: dict[str, Any]) -> str:
    """One device's share of a network that was stated for its whole node."""
    from mfu_planner.questions.evidence import DiagnoseQuestion

    whole = DiagnoseQuestion.of({"node_network": flags["nic"]}).node_network or 0.0
    without = {name: value for name, value in flags.items() if name != "nic"}
    node = flags.get("devices_per_node") or bench_of(without).case.machine.node_devices
    return f"{whole / float(node)!r} B/s"


def _describe(flags: dict[str, Any], modules: Any, answers: Answers) -> Described:
    if "model" not in flags and "config" not in flags:
        return Described(
            None, answers.compiled, reason="no model named: give --model or --config to have the gap predicted"
        )
    if "hardware" not in flags and "cluster" not in flags:
        return Described(None, answers.compiled, reason="no hardware named: give --hardware to have the gap predicted")
    said: list[str] = []
    stack, fitted = _stack(answers, said), False
    if stack is not None:
        flags["stack"] = stack
        own = read_stack(stack)
        stack, fitted = (stack, False) if own is None else (own.base, True)
    if "devices" not in flags and "dp" not in flags:
        flags["devices"] = 1
        said.append("one device assumed: --devices would show what communication costs")
    compiled = answers.compiled
    fitted_compiled = stack in calibration()["eager"]["usually_compiled"]
    if compiled is None and fitted_compiled:
        compiled = True
        said.append(f"compiled, as {stack} usually runs: --eager changes it")
    if compiled is not None:
        flags["compile"] = compiled
    tuning = NOTHING if fitted else _stated(stack or "", answers)
    attend(flags, said)
    if modules is not None:
        recomputed(flags, str(modules), said)
    named = set(flags)
    shard(flags, said)
    fill(flags, said)
    assumed = tuple(name for name in ASSUMABLE if name not in named)
    bench = bench_of(flags, tuning)
    return Described(bench, compiled, tuple(said), assumed, impossible=impossible(bench))


def _stated(stack: str, answers: Answers) -> Change:
    """What is said of a compiled step and a fused optimizer, where the stack's constants stand for neither."""
    if stack != "generic":
        return NOTHING
    held = knowledge()
    left = float(held["compile"]["fixed_left"]) if answers.compiled else 1.0
    left *= float(held["fused_optimizer"]["fixed_left"]) if answers.fused_optimizer else 1.0
    return Change("as stated", constants={"step_fixed_s": left}) if left < 1 else NOTHING


def _stack(answers: Answers, said: list[str]) -> str | None:
    if answers.stack is not None:
        return answers.stack
    if answers.framework is not None:
        return framework_stack(answers.framework)
    if answers.compiled is False:
        said.append("an eager PyTorch stack assumed: --framework names another")
        return "generic"
    return None
