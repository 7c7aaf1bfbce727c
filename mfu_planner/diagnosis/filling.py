"""What of a run was not said and has to be chosen: attention, sharding, micro-batch, recomputation, batch."""

from __future__ import annotations

from typing import Any

from mfu_planner.diagnosis.bench import Bench
from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.errors import InputError, PlannerError

MICRO_TOKENS = 16_384
"""Tokens of a micro-batch that is not stated, where sequences are short."""
GIB = 2.0**30
MARGIN = 1.1
"""Memory that the model may overestimate, as a factor of the device's, before a setting is taken to be impossible."""


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
        whole, sharded = Bench(flags), Bench({**flags, "zero": 3})
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
    """Micro-batch and recomputation, where they were not said: the largest that fits."""
    from mfu_planner.questions.flags import whole
    from mfu_planner.questions.request import read_request
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
            held = device_memory(request.case).total
            capacity = request.case.machine.memory_bytes
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
