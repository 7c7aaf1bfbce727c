"""From what is known to a run that the predictor can repeat: defaults are chosen, and said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.bench import NOTHING, Bench
from mfu_planner.diagnosis.given import LAYOUT, SUBJECT, TRAINING
from mfu_planner.diagnosis.knowledge import framework_stack, knowledge
from mfu_planner.errors import InputError, PlannerError
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
MICRO_TOKENS = 16_384
"""Tokens of a micro-batch that is not stated, where sequences are short."""
GIB = 2.0**30
MARGIN = 1.1
"""Memory that the model may overestimate, as a factor of the device's, before a setting is taken to be impossible."""


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
    """Why the run as described cannot be: its states alone do not fit."""
    reading: Unsaid | None = None
    """What was not given and is read so that it explains the observation."""


def describe(given: dict[str, Any], answers: Answers) -> Described:
    """Build the bench of a run; a contradiction in its layout is the user's to mend."""
    flags = {
        k: given[k] for k in (*_PREDICTED, *TRAINING, *LAYOUT) if k in given and k in (*SUBJECT, *TRAINING, *LAYOUT)
    }
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
    _attend(flags, said)
    named = set(flags)
    _shard(flags, said)
    _fill(flags, said)
    assumed = tuple(name for name in ASSUMABLE if name not in named)
    bench = Bench(flags, tuning)
    return Described(bench, compiled, tuple(said), assumed, impossible=_impossible(bench))


def _attend(flags: dict[str, Any], said: list[str]) -> None:
    """Attention is not fused on devices that FlashAttention does not run on, whatever a stack usually has."""
    from mfu_planner.hardware import resolve

    if "attention_kernel" in flags or "hardware" not in flags:
        return
    family = resolve(flags["hardware"]).family
    if family in knowledge()["no_flash_attention"]["families"]:
        flags["attention_kernel"] = "unfused"
        said.append(
            f"unfused attention: FlashAttention does not run on {family} devices; --attention-kernel fused if so"
        )


def _shard(flags: dict[str, Any], said: list[str]) -> None:
    """Where nothing is said of sharding and the states fit no other way: weights sharded too."""
    if "zero" in flags or "offload" in flags:
        return
    try:
        whole, sharded = Bench(flags), Bench({**flags, "zero": 3})
    except PlannerError:
        return
    if _impossible(whole) and not _impossible(sharded):
        flags["zero"] = 3
        said.append("ZeRO-3 (FSDP) assumed: the states fit no other way; --zero says it")


def _impossible(bench: Bench) -> str:
    """Where weights, gradients and optimizer states alone are beyond the device's memory: the sentence that says so."""
    from mfu_planner.step.evaluate import device_memory

    held, there = device_memory(bench.case), bench.request.machine.memory_bytes
    states = float(held.weights + held.gradients + held.optimizer)
    if not there or states <= there:
        return ""
    return (
        f"weights, gradients and optimizer states alone take {states / GIB:,.0f} GiB a device, "
        f"and {bench.request.accelerator.id} has {there / GIB:,.0f} GiB"
    )


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


def _fill(flags: dict[str, Any], said: list[str]) -> None:
    """Micro-batch and recomputation, where they were not said: the largest that fits."""
    from mfu_planner.questions.flags import whole
    from mfu_planner.questions.request import read_request
    from mfu_planner.step.case import case_of
    from mfu_planner.step.evaluate import device_memory

    pipelined = whole(flags, "pp", 1) or 1
    options = ("none", "selective", "full") if "recompute" not in flags else (flags["recompute"],)
    sizes = _sizes(flags) if "micro_batch" not in flags and pipelined == 1 else (flags.get("micro_batch") or 1,)
    grows = "global_batch" not in flags
    if not grows:
        _dividing_batch(flags, said)
    chosen: dict[str, Any] | None = None
    for recompute in options:
        for micro in sizes:
            trial = {**flags, "recompute": recompute, "micro_batch": micro}
            if grows and pipelined > 1:
                trial["global_batch"] = _filled_pipeline(trial)
            try:
                request = read_request(**trial)
            except PlannerError:
                continue
            held = device_memory(case_of(request)).total
            capacity = request.machine.memory_bytes
            if not capacity or held <= MARGIN * capacity:
                chosen = trial
                break
        if chosen:
            break
    if chosen is None:
        chosen = {**flags, "recompute": options[-1], "micro_batch": sizes[-1]}
    for name, word in (("micro_batch", "micro-batch"), ("recompute", "recomputation")):
        if name not in flags:
            said.append(f"{word} {chosen[name]} assumed: the most that fits the device")
    if grows:
        said.append(
            "global batch not given: one micro-batch per device and step assumed"
            if pipelined == 1
            else f"global batch {chosen.get('global_batch')} assumed"
        )
    flags.update(chosen)


def _sizes(flags: dict[str, Any]) -> tuple[int, ...]:
    """Micro-batches to try, largest first: 8 sequences, more where they are short."""
    from mfu_planner.questions.request import read_request

    try:
        length = read_request(**{k: v for k, v in flags.items() if k != "global_batch"}).seq_len
    except PlannerError:
        length = MICRO_TOKENS
    most = max(8, MICRO_TOKENS // max(length, 1))
    return tuple(1 << n for n in range(most.bit_length() - 1, -1, -1))


def _filled_pipeline(flags: dict[str, Any]) -> int:
    """Sequences for eight micro-batches per stage."""
    from mfu_planner.questions.flags import whole

    tp, pp, cp, micro = (whole(flags, name, 1) or 1 for name in ("tp", "pp", "cp", "micro_batch"))
    devices = str(flags.get("devices") or tp * pp * cp)
    count = int(devices) if devices.isdigit() else tp * pp * cp
    return max(1, count // (tp * pp * cp)) * micro * 8 * pp


def _dividing_batch(flags: dict[str, Any], said: list[str]) -> None:
    """An observed batch need not divide evenly; the model's must: the nearest that does."""
    from mfu_planner.questions.request import read_request

    try:
        read_request(**flags)
    except InputError as error:
        if error.field != "global-batch":
            return
    else:
        return
    free = {k: v for k, v in flags.items() if k != "global_batch"}
    one = read_request(**free).global_batch
    given = flags["global_batch"]
    sequences = _sequences(flags, given)
    flags["global_batch"] = one * max(1, round(sequences / one))
    if flags["global_batch"] != sequences:
        said.append(f"global batch {flags['global_batch']} for the prediction: {given} is no multiple of {one}")


def _sequences(flags: dict[str, Any], given: Any) -> float:
    """Sequences of a batch stated in sequences or tokens."""
    from mfu_planner.questions.evidence import DiagnoseQuestion
    from mfu_planner.questions.model import choose_model

    s = DiagnoseQuestion.of({"global_batch": given})
    if s.global_batch is not None:
        return float(s.global_batch)
    length = (
        flags.get("seq_len")
        or choose_model(model=flags.get("model"), config=flags.get("config"), as_type=flags.get("as_type")).seq_len
    )
    return (s.global_batch_tokens or 1.0) / float(length or 1)
