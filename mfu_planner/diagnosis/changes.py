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
    """The cause that all of its savings speak of, where the parts that shrink would mislead: a shorter step has a
    shorter bubble too."""
    names_cause: bool = True
    """Whether what it saves counts as a cause (a narrower number format is an opportunity, no fault)."""


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
    held, echo = knowledge()["compile"], bench.base.echo
    graphs = Tuning(
        {
            "forward_host_s": held["graph_host_left"],
            "backward_host_s": held["graph_host_left"],
            "tensor_host_s": held["graph_host_left"],
            "step_fixed_s": held["fixed_left"],
        }
    )
    jax = str(echo["stack"]).startswith("jax")
    if jax:
        return
    if facts.get("compiled"):
        yield Change(
            "record the step in CUDA graphs (torch.compile mode='reduce-overhead', or graph capture)",
            "compile",
            tuning=graphs,
            effort="medium",
            risk="static shapes and addresses; more memory for the graph's pool",
        )
        return
    fused = str(echo["stack"]).startswith(("megatron-2024", "megatron-2025", "megatron-2026", "megascale"))
    if facts.get("compiled") is None and fused:
        yield Change(
            "record the step in CUDA graphs",
            "compile",
            tuning=graphs,
            effort="medium",
            risk="static shapes and addresses; more memory for the graph's pool",
        )
        return
    known = bench.tuning is not NOTHING
    fixed = {"step_fixed_s": held["fixed_left"]} if echo["stack"] == "generic" else {}
    left = Tuning(fixed, {"host_compiled": held["host_left"]})
    if not known:
        left = Tuning({}, {"pointwise_compiled": held["pointwise_left"], "host_compiled": held["host_left"]})
    yield Change(
        "torch.compile (JAX: jit the whole step)",
        "compile",
        {"compile": True},
        left,
        known,
        "low",
        "the first step takes a minute or more; changing shapes compile again",
        UNFUSED,
    )
    yield Change(
        "torch.compile with CUDA graphs (mode='reduce-overhead')",
        "compile",
        {"compile": True},
        Tuning({"step_fixed_s": held["fixed_left"]}, {**left.fixed, "host_compiled": held["graph_host_left"]}),
        known,
        "medium",
        "static shapes and addresses; more memory for the graph's pool",
        UNFUSED,
    )


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
            risk="numerics to be watched: compare losses over a few thousand steps (MFU: still of the 16-bit peak)",
            cause="kernels",
            names_cause=False,
        )


def _kernels(bench: Bench, facts: Mapping[str, Any]) -> Iterator[Change]:
    echo = bench.base.echo
    if echo["attention_kernel"] == "unfused":
        yield Change(
            "fused attention (FlashAttention, scaled_dot_product_attention, cuDNN)",
            "attention",
            {"attention_kernel": "fused"},
            risk="none for plain causal masks; odd masks need FlexAttention",
            cause="kernels",
        )
    else:
        gain = float(knowledge()["newer_attention_gain"])
        yield Change(
            "the newest attention kernel of the device (FlashAttention-3 or cuDNN on Hopper)",
            "attention",
            tuning=Tuning({"attention_fraction": gain}),
            effort="medium",
            risk="library versions",
            cause="kernels",
            names_cause=False,
        )
    if facts.get("fused_optimizer") is False:
        yield Change(
            "fused optimizer (AdamW(fused=True), Apex FusedAdam)",
            "optimizer",
            tuning=Tuning({"optimizer_bytes": 1 / 2, "gradient_passes_bytes": 1 / 2, "step_fixed_s": 0.8}),
            causes=UNFUSED,
        )
    if echo["offload"]:
        yield Change(
            "keep the optimizer on the device (no offload)", "offload", {"offload": False}, risk="memory", cause="cpu"
        )
