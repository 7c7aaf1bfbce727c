"""What of a run was not said and has to be chosen: attention, sharding, micro-batch, recomputation, batch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.bench import Bench, bench_of
from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.errors import InputError, PlannerError
from mfu_planner.operators.layout import RECOMPUTE_CODES
from mfu_planner.questions.filling import BLANKS
from mfu_planner.step.memory import most_bytes

if TYPE_CHECKING:
    from mfu_planner.questions.request import Request

MICRO_TOKENS = 16_384
"""Tokens of a micro-batch that is not stated, where sequences are short."""
GIB = 2.0**30


def attend(flags: dict[str, Any], said: list[str]) -> None:
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


def shard(flags: dict[str, Any], said: list[str]) -> None:
    """Where nothing is said of sharding and the states fit no other way: weights sharded too."""
    if "zero" in flags or "offload" in flags:
        return
    try:
        whole, sharded = bench_of(flags), bench_of({**flags, "zero": 3})
    except PlannerError:
        return
    if impossible(whole) and not impossible(sharded):
        flags["zero"] = 3
        said.append("ZeRO-3 (FSDP) assumed: the states fit no other way; --zero says it")


def impossible(bench: Bench) -> str:
    """Where weights, gradients and optimizer states alone are beyond the device's memory: the sentence that says so."""
    from mfu_planner.step.evaluate import device_memory

    held, there = device_memory(bench.case), bench.case.machine.memory_bytes
    states = float(held.weights + held.gradients + held.optimizer)
    if not there or states <= there:
        return ""
    return (
        f"weights, gradients and optimizer states alone take {states / GIB:,.0f} GiB a device, "
        f"and {bench.request.accelerator.id} has {there / GIB:,.0f} GiB"
    )


def fill(flags: dict[str, Any], said: list[str]) -> None:
    """Micro-batch and recomputation as every question fills them; a batch of its own size where none was said."""
    from mfu_planner.questions.request import read_request

    batched = "global_batch" in flags
    if batched:
        _dividing_batch(flags, said)
        found = read_request(**flags)
    else:
        found = _without_batch(flags)
    echo = found.case.said.echo
    said += found.filled.said
    if not batched:
        if "micro_batch" not in flags and found.filled.fits:
            said.append(f"micro-batch {echo['micro_batch']}: the fastest that fits; --micro-batch changes it")
        flags["global_batch"] = echo["global_batch"]
        single = echo["pp"] == 1
        said.append(
            "global batch not given: one micro-batch per device and step assumed"
            if single
            else f"global batch {echo['global_batch']} assumed: eight micro-batches a stage"
        )
    flags.update({name: echo[name] for name in BLANKS})


def _without_batch(flags: dict[str, Any]) -> Request:
    """The quickest step for its work, of those with one micro-batch a device (eight a stage of a pipeline), the least
    recomputation first; of one sequence where nothing fits."""
    from mfu_planner.questions.flags import whole
    from mfu_planner.questions.request import read_request
    from mfu_planner.step.evaluate import step

    one = read_request(**{"micro_batch": 1, **flags})
    if "micro_batch" in flags or one.case.layout.pp > 1:
        sizes = [whole(flags, "micro_batch", 1) or 1]
    else:
        sizes = [1 << n for n in range(max(8, MICRO_TOKENS // max(one.seq_len, 1)).bit_length())]
    best, order = one, (len(RECOMPUTE_CODES), 0.0)
    for micro in sizes:
        batch = micro * int(one.case.layout.dp) * (8 * int(one.case.layout.pp) if one.case.layout.pp > 1 else 1)
        tried = read_request(**{**flags, "micro_batch": micro, "global_batch": batch})
        found, usable = step(tried.case, parts=False), tried.case.machine.usable_bytes
        if usable and float(most_bytes(found.stages)) > usable:
            continue
        new = RECOMPUTE_CODES[str(tried.case.said.echo["recompute"])], float(found.seconds) / batch
        best, order = (tried, new) if new < order else (best, order)
    return best


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
