"""Modules that are recomputed, by the names that frameworks give them, as the recomputation that a prediction knows."""

from __future__ import annotations

from typing import Any

from mfu_planner.diagnosis.bench import Bench
from mfu_planner.errors import InputError, nearest
from mfu_planner.operators import Attention, Role

_MIXTURE = (Role.EXPERT, Role.SHARED_EXPERT, Role.ROUTER)
_LAYER = (Role.ATTENTION, Role.MLP, Role.SCAN, *_MIXTURE)
MODULES: dict[str, tuple[Role, ...]] = {
    "core_attn": (),
    "layernorm": (),
    "moe_act": (),
    "attention": (Role.ATTENTION,),
    "self_attn": (Role.ATTENTION,),
    "mla_up_proj": (),
    "mlp": (Role.MLP, Role.EXPERT, Role.SHARED_EXPERT),
    "moe": _MIXTURE,
    "shared_experts": (Role.SHARED_EXPERT,),
    "layer": _LAYER,
}
"""Name of a module (Megatron's ``--recompute-modules``, and plain words) → the roles of its operators with products."""
SCORES = "core_attn"


def read_modules(text: str) -> tuple[str, ...]:
    """The modules of ``core_attn,mlp``.

    Raises
    ------
    InputError
        An unknown one.
    """
    names = tuple(part.strip().replace("-", "_") for part in text.split(",") if part.strip())
    for name in names:
        if name not in MODULES:
            raise InputError("recompute-modules", name, ", ".join(MODULES), nearest(name, tuple(MODULES)))
    return names


def recomputed(flags: dict[str, Any], modules: str, said: list[str]) -> None:
    """Set recomputation by the share of a layer's forward work that the modules hold.

    Attention's scores alone are selective recomputation; what holds no product (norms, activations) costs next to
    nothing; the rest counts as that share of the layers recomputed in full.
    """
    names = read_modules(modules)
    roles = {role for name in names for role in MODULES[name]}
    flags.pop("recompute", None)
    if not roles:
        flags["recompute"] = "selective" if SCORES in names else "none"
        said.append(
            f"recomputed modules {', '.join(names)}: {flags['recompute']} recomputation, they repeat no product"
        )
        return
    case = Bench({k: v for k, v in flags.items() if k != "recompute_share"}).case
    work, chosen, total = case.device_work, 0.0, 0.0
    for block in case.architecture.blocks:
        for op in block.operators:
            flops = float(block.count * op.forward_flops(work))
            total += flops if op.role in _LAYER else 0.0
            with_scores = isinstance(op, Attention) and SCORES in names
            chosen += flops if op.role in roles or with_scores else 0.0
    share = min(chosen / total, 1.0)
    flags |= {"recompute": "full", "recompute_share": f"{share:.4f}"}
    said.append(f"recomputed modules {', '.join(names)}: {share:.0%} of a layer's forward work")
