"""What could be changed: each a variation of the run's flags or of the model's constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.bench import NOTHING, Tuning
from mfu_planner.diagnosis.knowledge import knowledge

if TYPE_CHECKING:
    from mfu_planner.diagnosis.bench import Bench

UNFUSED = {"pointwise": "kernels", "attention": "kernels", "optimizer": "kernels", "casts": "kernels"}


@dataclass(frozen=True)
class Change:
    """One thing to change."""

    text: str
    knob: str
    """Changes of one knob exclude each other."""
    flags: Mapping[str, Any] = field(default_factory=dict)
    tuning: Tuning = NOTHING
    alone: bool = False
    """Whether the run's own tuning no longer holds."""
    effort: str = "low"
    risk: str = "none known"
    causes: Mapping[str, str] = field(default_factory=dict)
    """Part → cause, where this change shows another cause than the part's usual one."""
    cause: str = ""
    """The cause that all of its savings speak of, where the parts that shrink would mislead (a shorter step shortens the
    pipeline's bubble too)."""
    names_cause: bool = True
    """Whether what it saves counts as a cause (a narrower number format is an opportunity, no fault)."""


def changes(bench: Bench, facts: Mapping[str, Any]) -> Iterator[Change]:
    """Every change worth asking about.

    Parameters
    ----------
    facts
        ``compiled`` (true, false, none), ``fused_optimizer``, ``hardware_dtypes``.
    """
    yield from _compilation(bench, facts)
    yield from _formats(bench, facts)
    yield from _kernels(bench, facts)
    yield from _batch(bench)
    yield from _recomputation(bench)
    yield from _layouts(bench)
    yield from _overlap(bench)
    yield from _network(bench)


def _compilation(bench: Bench, facts: Mapping[str, Any]) -> Iterator[Change]:
    held, echo = knowledge()["compile"], bench.base.echo
    graphs = Tuning(
        {"forward_host_s": held["graph_host_left"], "backward_host_s": held["graph_host_left"],
         "tensor_host_s": held["graph_host_left"], "step_fixed_s": held["fixed_left"]},
    )
    jax = str(echo["stack"]).startswith("jax")
    if jax:
        return
    if facts.get("compiled"):
        yield Change(
            "record the step in CUDA graphs (torch.compile mode='reduce-overhead', or graph capture)", "compile",
            tuning=graphs, effort="medium",
            risk="static shapes and addresses; more memory for the graph's pool",
        )
        return
    fused = str(echo["stack"]).startswith(("megatron-2024", "megatron-2025", "megatron-2026", "megascale"))
    if facts.get("compiled") is None and fused:
        yield Change(
            "record the step in CUDA graphs", "compile", tuning=graphs, effort="medium",
            risk="static shapes and addresses; more memory for the graph's pool",
        )
        return
    known = bench.tuning is not NOTHING
    fixed = {"step_fixed_s": held["fixed_left"]} if echo["stack"] == "generic" else {}
    left = Tuning(fixed, {"host_compiled": held["host_left"]})
    if not known:
        left = Tuning({}, {"pointwise_compiled": held["pointwise_left"], "host_compiled": held["host_left"]})
    yield Change(
        "torch.compile (JAX: jit the whole step)", "compile", {"compile": True}, left, known, "low",
        "the first step takes a minute or more; changing shapes compile again", UNFUSED,
    )
    yield Change(
        "torch.compile with CUDA graphs (mode='reduce-overhead')", "compile", {"compile": True},
        Tuning({"step_fixed_s": held["fixed_left"]}, {**left.fixed, "host_compiled": held["graph_host_left"]}), known,
        "medium", "static shapes and addresses; more memory for the graph's pool", UNFUSED,
    )


def _formats(bench: Bench, facts: Mapping[str, Any]) -> Iterator[Change]:
    dtype, known = bench.base.echo["dtype"], facts.get("hardware_dtypes", ())
    if dtype in ("fp32", "tf32"):
        if dtype == "fp32" and "tf32" in known:
            yield Change(
                "TF32 products (torch.set_float32_matmul_precision('high'))", "dtype", {"dtype": "tf32"},
                risk="10 bits of mantissa in products", cause="kernels",
            )
        for name in ("bf16", "fp16"):
            if name in known:
                yield Change(
                    f"{name} mixed precision (torch.autocast; JAX: compute dtype)", "dtype", {"dtype": name},
                    risk="loss curve to be compared" + (", loss scaling needed" if name == "fp16" else ""),
                    cause="kernels",
                )
                break
    elif dtype in ("bf16", "fp16") and "fp8" in known:
        yield Change(
            "fp8 matrix products (Transformer Engine, torchao float8)", "dtype", {"dtype": "fp8"}, effort="medium",
            risk="numerics to be watched: compare losses over a few thousand steps", cause="kernels",
            names_cause=False,
        )


def _kernels(bench: Bench, facts: Mapping[str, Any]) -> Iterator[Change]:
    echo = bench.base.echo
    if echo["attention_kernel"] == "unfused":
        yield Change(
            "fused attention (FlashAttention, scaled_dot_product_attention, cuDNN)", "attention",
            {"attention_kernel": "fused"}, risk="none for plain causal masks; odd masks need FlexAttention", cause="kernels",
        )
    else:
        gain = float(knowledge()["newer_attention_gain"])
        yield Change(
            "the newest attention kernel of the device (FlashAttention-3 or cuDNN on Hopper)", "attention",
            tuning=Tuning({"attention_fraction": gain}), effort="medium", risk="library versions", cause="kernels",
            names_cause=False,
        )
    if facts.get("fused_optimizer") is False:
        yield Change(
            "fused optimizer (AdamW(fused=True), Apex FusedAdam)", "optimizer",
            tuning=Tuning({"optimizer_bytes": 1 / 2, "gradient_passes_bytes": 1 / 2, "step_fixed_s": 0.8}), causes=UNFUSED,
        )
    if echo["offload"]:
        yield Change(
            "keep the optimizer on the device (no offload)", "offload", {"offload": False},
            risk="memory", cause="cpu",
        )


def _batch(bench: Bench) -> Iterator[Change]:
    echo = bench.base.echo
    micro, batch, dp, pp = echo["micro_batch"], echo["global_batch"], echo["dp"], echo["pp"]
    for factor in (2, 4):
        new = micro * factor
        if pp == 1 and batch % (dp * new) == 0:
            yield Change(f"micro-batch {new} in place of {micro}", "batch", {"micro_batch": new}, risk="memory")
        elif pp == 1 and batch == dp * micro:
            yield Change(
                f"micro-batch {new} in place of {micro}, global batch {batch * factor}", "batch",
                {"micro_batch": new, "global_batch": batch * factor},
                risk="memory; a larger global batch changes the optimisation",
            )
    if pp > 1 or dp > 1:
        yield Change(
            f"three times the micro-batches per step: global batch {batch * 3}", "batch", {"global_batch": batch * 3},
            effort="medium", risk="a larger global batch changes the optimisation (learning rate, or LAMB)",
        )
    if pp > 1 and batch % (dp * micro * 2) == 0:
        yield Change(f"micro-batch {micro * 2} in place of {micro}", "batch", {"micro_batch": micro * 2}, risk="memory")
    if pp > 1 and micro > 1:
        yield Change(
            f"micro-batch {micro // 2} in place of {micro}: more of them fill the pipeline", "batch",
            {"micro_batch": micro // 2},
        )


def _recomputation(bench: Bench) -> Iterator[Change]:
    now = bench.base.echo["recompute"]
    if now == "full":
        yield Change(
            "selective recomputation (attention only) in place of full", "recompute",
            {"recompute": "selective", "recompute_share": None}, risk="memory", cause="recomputation",
        )
    if now in ("full", "selective"):
        yield Change(
            "no recomputation", "recompute", {"recompute": "none", "recompute_share": None}, risk="memory",
            cause="recomputation",
        )


def _layouts(bench: Bench) -> Iterator[Change]:
    e = bench.base.echo
    tp, pp, vpp, cp, zero = e["tp"], e["pp"], e["vpp"], e["cp"], e["zero"]

    def other(text: str, **flags: Any) -> Change:
        return Change(text, "layout", {"dp": None, **flags}, effort="medium", risk="memory; checkpoints to be resharded")

    node = int(bench.request.machine.node_devices)
    for new in sorted({tp // 2, tp // 4, 1, node} - {0, tp}):
        if new < tp:
            yield other(f"tp {new} in place of {tp}, more data parallelism", tp=new)
            if zero < 3 and pp == 1:
                yield other(f"tp {new} with ZeRO-3 in place of tp {tp}", tp=new, zero=3)
    if tp > 1 and not e["sequence_parallel"]:
        yield other("sequence parallelism beside tensor parallelism", sequence_parallel=True)
    for new in sorted({pp // 2, pp // 4} - {0}):
        yield other(f"pp {new} in place of {pp}, more data parallelism", pp=new, vpp=None)
    if pp > 1:
        for new in (2, 4, 8):
            if new > vpp:
                yield Change(
                    f"interleaved schedule with {new} chunks per stage (vpp {new})", "layout", {"vpp": new},
                    effort="low", risk="more sends between stages",
                )
    if cp > 1:
        yield other(f"cp {cp // 2} in place of {cp}", cp=cp // 2)
    if zero == 3:
        yield other("ZeRO-1 or 2 in place of ZeRO-3: weights stay on the device", zero=1)
    if zero and e["devices"] > node and not e["zero_group"] and tp * cp < node:
        yield Change(
            "shard within a node only (HSDP, hierarchical ZeRO)", "layout", {"zero_group": node // (tp * cp)},
            risk="memory",
        )


def _overlap(bench: Bench) -> Iterator[Change]:
    left, e = knowledge()["overlap"], bench.base.echo

    def hidden(text: str, scale: Mapping[str, float], fixed: Mapping[str, float] | None = None) -> Change:
        return Change(text, "overlap", tuning=Tuning(scale, fixed or {}), effort="low", risk="none known; a little memory",
                      cause="communication")

    stack = bench.request.stack
    data = 1.0 - (1.0 - stack.data_hidden) * left["data_left"]
    if e["tp"] > 1:
        yield hidden(
            "overlap tensor-parallel communication with products (TP overlap, async TP)",
            {"tensor_exposed": left["tensor_left"], "tensor_across": left["tensor_left"]},
        )
    if e["dp"] * e["cp"] > 1:
        yield hidden(
            "overlap gradient and weight exchange (overlap_grad_reduce, prefetch of shards)", {"drag": 0.5},
            {"data_hidden": data, "shard_hidden": max(stack.shard_hidden, 0.95)},
        )
    if e["pp"] > 1:
        yield hidden("overlap sends between stages", {"send_exposed": left["send_left"]})
    if e["ep"] > 1:
        yield hidden("overlap expert dispatch with computation (DeepEP, DualPipe)", {"expert_exposed": left["expert_left"]})
    if e["tp"] > 1 and e["pp"] > 1:
        yield hidden(
            "overlap all communication: tensor, pipeline and data parallel",
            {"tensor_exposed": left["tensor_left"], "tensor_across": left["tensor_left"],
             "send_exposed": left["send_left"], "drag": 0.5},
            {"data_hidden": data},
        )


def _network(bench: Bench) -> Iterator[Change]:
    if bench.base.echo["devices"] <= bench.request.machine.node_devices:
        return
    yield Change(
        "twice the network bandwidth between nodes (more rails, GPUDirect RDMA, a faster fabric)", "network",
        tuning=Tuning(network=2.0), effort="high", risk="cost", cause="communication",
    )
    yield Change(
        "four times the network bandwidth between nodes", "network", tuning=Tuning(network=4.0), effort="high", risk="cost", cause="communication",
    )
