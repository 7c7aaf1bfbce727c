"""What could be changed: each a variation of the run's flags or of the model's constants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from mfu_planner.diagnosis.knowledge import knowledge
from mfu_planner.machine.eager import is_known
from mfu_planner.operators import Elementwise, Norm
from mfu_planner.step.case import Change

if TYPE_CHECKING:
    from mfu_planner.diagnosis.bench import Bench
    from mfu_planner.step.case import Case

UNFUSED = {"pointwise": "kernels", "attention": "kernels", "optimizer": "kernels", "casts": "kernels"}


def changes(bench: Bench, facts: Mapping[str, Any]) -> Iterator[Change]:
    """Every change worth asking about.

    Parameters
    ----------
    facts
        ``compiled`` (true, false, none), ``fused_optimizer``, ``hardware_dtypes``, ``search``.
    """
    yield from _compilation(bench, facts)
    yield from _formats(bench, facts)
    yield from _kernels(bench, facts)
    from mfu_planner.diagnosis.layouts import layout_changes

    yield from layout_changes(bench)
    if facts.get("search") and int(bench.base.echo["devices"]) > 1:
        from mfu_planner.diagnosis.searched import searched

        yield from searched(bench)


def _compilation(bench: Bench, facts: Mapping[str, Any]) -> Iterator[Change]:
    held, stack = knowledge()["compile"], bench.case.stack.name
    graphs = {
        "forward_host_s": held["graph_host_left"],
        "backward_host_s": held["graph_host_left"],
        "tensor_host_s": held["graph_host_left"],
        "step_fixed_s": held["fixed_left"],
    }
    jax = stack.startswith("jax")
    if jax:
        return
    if facts.get("compiled"):
        yield Change(
            "record the step in CUDA graphs (torch.compile mode='reduce-overhead', or graph capture)",
            "compile",
            constants=graphs,
            effort="medium",
            risk="static shapes and addresses; more memory for the graph's pool",
        )
        return
    fused = stack.startswith(("megatron-2024", "megatron-2025", "megatron-2026", "megascale"))
    if facts.get("compiled") is None and fused:
        yield Change(
            "record the step in CUDA graphs",
            "compile",
            constants=graphs,
            effort="medium",
            risk="static shapes and addresses; more memory for the graph's pool",
        )
        return
    known = facts.get("compiled") is False and is_known(stack)
    scale = {"step_fixed_s": held["fixed_left"]} if known and stack == "generic" else {}
    left = {"host_compiled": held["host_left"]}
    if not known:
        left["pointwise_compiled"] = held["pointwise_left"]
    where = fused_layers(bench.case)
    yield Change(
        f"torch.compile (JAX: jit the whole step){where}",
        "compile",
        {"compile": True},
        scale,
        left,
        risk="the first step takes a minute or more; changing shapes compile again",
        causes=UNFUSED,
    )
    yield Change(
        f"torch.compile with CUDA graphs (mode='reduce-overhead'){where}",
        "compile",
        {"compile": True},
        {"step_fixed_s": held["fixed_left"]},
        {**left, "host_compiled": held["graph_host_left"]},
        effort="medium",
        risk="static shapes and addresses; more memory for the graph's pool",
        causes=UNFUSED,
    )


def fused_layers(case: Case) -> str:
    """Where the element-wise traffic is that a compiler fuses: the three largest operators, in words."""
    work, moved = case.device_work, dict[str, float]()
    for block in case.architecture.blocks:
        for op in block.operators:
            if isinstance(op, Elementwise | Norm):
                moved[op.name] = moved.get(op.name, 0.0) + float(block.count * op.moved(work))
    total = sum(moved.values())
    if not total:
        return ""
    largest = sorted(moved, key=lambda name: -moved[name])[:3]
    return ": fuses " + ", ".join(f"{name.replace('_', ' ')} ({moved[name] / total:.0%})" for name in largest)


def _formats(bench: Bench, facts: Mapping[str, Any]) -> Iterator[Change]:
    dtype, known = bench.base.echo["dtype"], facts.get("hardware_dtypes", ())
    if dtype in ("fp32", "tf32"):
        if dtype == "fp32" and "tf32" in known:
            yield Change(
                "TF32 products (torch.set_float32_matmul_precision('high'))",
                "dtype",
                {"dtype": "tf32"},
                risk="10 bits of mantissa in products",
                cause="kernels",
            )
        for name in ("bf16", "fp16"):
            if name in known:
                yield Change(
                    f"{name} mixed precision (torch.autocast; JAX: compute dtype)",
                    "dtype",
                    {"dtype": name},
                    risk="loss curve to be compared" + (", loss scaling needed" if name == "fp16" else ""),
                    cause="kernels",
                )
                break
    elif dtype in ("bf16", "fp16") and "fp8" in known:
        yield Change(
            "fp8 matrix products (Transformer Engine, torchao float8)",
            "dtype",
            {"dtype": "fp8"},
            effort="medium",
            risk="numerics to be watched: compare losses over a few thousand steps",
            cause="kernels",
            names_cause=False,
            kind="changes-the-experiment",
        )


NEWER_ATTENTION = frozenset({"Hopper", "Blackwell", "CDNA3", "CDNA4"})
"""Families of devices whose attention kernels are a generation ahead of FlashAttention-2."""


def _kernels(bench: Bench, facts: Mapping[str, Any]) -> Iterator[Change]:
    echo, held = bench.base.echo, knowledge()["fused_optimizer"]
    if echo["attention_kernel"] == "unfused":
        yield Change(
            "fused attention (FlashAttention, scaled_dot_product_attention, cuDNN)",
            "attention",
            {"attention_kernel": "fused"},
            risk="none for plain causal masks; odd masks need FlexAttention",
            cause="kernels",
        )
    elif facts.get("family") in NEWER_ATTENTION:
        gain = float(knowledge()["newer_attention_gain"])
        yield Change(
            "the newest attention kernel of the device (FlashAttention-3, cuDNN or AITER)",
            "attention",
            constants={"attention_fraction": gain},
            effort="medium",
            risk="library versions",
            cause="kernels",
            names_cause=False,
        )
    if facts.get("fused_optimizer") is False:
        yield Change(
            "fused optimizer (AdamW(fused=True), Apex FusedAdam)",
            "optimizer",
            constants={
                "optimizer_bytes": held["bytes_left"],
                "gradient_passes_bytes": held["bytes_left"],
                "step_fixed_s": held["fixed_left"],
            },
            causes=UNFUSED,
        )
    if echo["offload"]:
        yield Change(
            "keep the optimizer on the device (no offload)",
            "offload",
            {"offload": False},
            risk="memory",
            cause="offload",
        )
