"""Changes of batch, recomputation, layout, overlap and network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.machine.toolbox import node_devices
from mfu_planner.step.case import NETWORK, Change

if TYPE_CHECKING:
    from mfu_planner.diagnosis.bench import Bench

EXPERIMENT = "changes-the-experiment"


def layout_changes(bench: Bench) -> Iterator[Change]:
    """Everything that changes how the work is spread, repeated or exchanged."""
    yield from _batch(bench)
    yield from _recomputation(bench)
    yield from _layouts(bench)
    yield from _sharding(bench)
    yield from _overlap(bench)
    yield from _network(bench)


def _batch(bench: Bench) -> Iterator[Change]:
    echo = bench.base.echo
    micro, batch, dp, pp = echo["micro_batch"], echo["global_batch"], echo["dp"], echo["pp"]
    for factor in (2, 4):
        new = micro * factor
        if pp == 1 and batch % (dp * new) == 0:
            yield Change(f"micro-batch {new} in place of {micro}", "batch", {"micro_batch": new}, risk="memory")
        elif pp == 1 and batch == dp * micro:
            yield Change(
                f"micro-batch {new} in place of {micro}, global batch {batch * factor}",
                "batch",
                {"micro_batch": new, "global_batch": batch * factor},
                risk="memory; a larger global batch changes the optimisation",
                kind=EXPERIMENT,
            )
    if pp > 1 or dp > 1:
        yield Change(
            f"three times the micro-batches per step: global batch {batch * 3}",
            "batch",
            {"global_batch": batch * 3},
            effort="medium",
            risk="a larger global batch changes the optimisation (learning rate, or LAMB)",
            kind=EXPERIMENT,
        )
    if pp > 1 and batch % (dp * micro * 2) == 0:
        yield Change(f"micro-batch {micro * 2} in place of {micro}", "batch", {"micro_batch": micro * 2}, risk="memory")
    if pp > 1 and micro > 1:
        yield Change(
            f"micro-batch {micro // 2} in place of {micro}: more of them fill the pipeline",
            "batch",
            {"micro_batch": micro // 2},
        )


def _recomputation(bench: Bench) -> Iterator[Change]:
    now, e = bench.base.echo["recompute"], bench.base.echo
    if now == "full" and e["tp"] > 1 and not e["sequence_parallel"]:
        yield Change(
            "selective recomputation with sequence parallelism, which frees the memory for it",
            "recompute",
            {"recompute": "selective", "recompute_share": None, "sequence_parallel": True},
            risk="memory",
            cause="recomputation",
        )
    if now == "full":
        yield Change(
            "selective recomputation (attention only) in place of full",
            "recompute",
            {"recompute": "selective", "recompute_share": None},
            risk="memory",
            cause="recomputation",
        )
    if now in ("full", "selective"):
        yield Change(
            "no recomputation",
            "recompute",
            {"recompute": "none", "recompute_share": None},
            risk="memory",
            cause="recomputation",
        )


def _layouts(bench: Bench) -> Iterator[Change]:
    e = bench.base.echo
    tp, pp, vpp, zero = e["tp"], e["pp"], e["vpp"], e["zero"]

    def other(text: str, **flags: Any) -> Change:
        return Change(
            text, "layout", {"dp": None, **flags}, effort="medium", risk="memory; checkpoints to be resharded"
        )

    node = int(bench.case.machine.node_devices)
    for new in sorted({tp // 2, tp // 4, 1, node} - {0, tp}):
        if new < tp:
            yield other(f"tp {new} in place of {tp}, more data parallelism", tp=new)
            if zero < 3 and pp == 1:
                yield other(f"tp {new} with ZeRO-3 in place of tp {tp}", tp=new, zero=3)
    if tp > 1 and not e["sequence_parallel"]:
        yield other("sequence parallelism beside tensor parallelism", sequence_parallel=True)
    for new in sorted({pp // 2, pp // 4} - {0}):
        yield other(f"pp {new} in place of {pp}, more data parallelism", pp=new, vpp=None)
    for new in (2, 4, 8) if pp > 1 else ():
        if new > vpp:
            text = f"interleaved schedule with {new} chunks per stage (vpp {new})"
            yield Change(text, "layout", {"vpp": new}, risk="more sends between stages")


def _sharding(bench: Bench) -> Iterator[Change]:
    e = bench.base.echo
    tp, cp, zero, node = e["tp"], e["cp"], e["zero"], int(bench.case.machine.node_devices)
    if cp > 1:
        yield Change(
            f"cp {cp // 2} in place of {cp}", "layout", {"dp": None, "cp": cp // 2}, effort="medium", risk="memory"
        )
    if zero == 3:
        yield Change("ZeRO-1 or 2 in place of ZeRO-3: weights stay on the device", "layout", {"zero": 1}, risk="memory")
    if zero and e["devices"] > node and not e["zero_group"] and tp * cp < node:
        yield Change(
            "shard within a node only (HSDP, hierarchical ZeRO)",
            "layout",
            {"zero_group": node // (tp * cp)},
            risk="memory",
        )


def _overlap(bench: Bench) -> Iterator[Change]:
    left, e = knowledge()["overlap"], bench.base.echo

    def hidden(text: str, scale: Mapping[str, float], fixed: Mapping[str, float] | None = None) -> Change:
        return Change(
            text,
            "overlap",
            constants=scale,
            fixed=fixed or {},
            effort="low",
            risk="none known; a little memory",
            cause="communication",
        )

    stack = bench.case.stack
    data = 1.0 - (1.0 - stack.data_hidden) * left["data_left"]
    if e["tp"] > 1:
        yield hidden(
            "overlap tensor-parallel communication with products (TP overlap, async TP)",
            {"tensor_exposed": left["tensor_left"], "tensor_across": left["tensor_left"]},
        )
    if e["dp"] * e["cp"] > 1:
        yield hidden(
            "overlap gradient and weight exchange (overlap_grad_reduce, prefetch of shards)",
            {"drag": 0.5},
            {"data_hidden": data, "shard_hidden": max(stack.shard_hidden, 0.95)},
        )
    if e["pp"] > 1:
        yield hidden("overlap sends between stages", {"send_exposed": left["send_left"]})
    if e["ep"] > 1:
        yield hidden(
            "overlap expert dispatch with computation (DeepEP, DualPipe)", {"expert_exposed": left["expert_left"]}
        )
    if e["tp"] > 1 and e["pp"] > 1:
        yield hidden(
            "overlap all communication: tensor, pipeline and data parallel",
            {
                "tensor_exposed": left["tensor_left"],
                "tensor_across": left["tensor_left"],
                "send_exposed": left["send_left"],
                "drag": 0.5,
            },
            {"data_hidden": data},
        )


def _network(bench: Bench) -> Iterator[Change]:
    devices, machine = int(bench.base.echo["devices"]), bench.case.machine
    if devices <= machine.node_devices:
        return

    def other(text: str, flags: Mapping[str, Any], constants: Mapping[str, float]) -> Change:
        return Change(
            text, "network", flags, constants, effort="high", risk="cost", cause="communication", kind="other-hardware"
        )

    if devices <= node_devices():
        linked = bench.request.accelerator.id.replace("-pcie", "-sxm")
        if linked != bench.request.accelerator.id:
            text = f"{linked}: links between the devices of a node in place of PCIe"
            yield other(text, {"hardware": linked, "cluster": None}, {})
        return
    faster = "network bandwidth between nodes (more rails, GPUDirect RDMA, a faster fabric)"
    yield other(f"twice the {faster}", {}, {NETWORK: 2.0})
    yield other(f"four times the {faster}", {}, {NETWORK: 4.0})
