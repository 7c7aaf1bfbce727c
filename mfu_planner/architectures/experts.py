"""Mixtures of experts: a router, experts of which each token visits a few, shared experts that every token visits.

References
----------
.. [1] Shazeer et al. 2017, arXiv:1701.06538 (sparsely gated mixture of experts).
.. [2] Dai et al. 2024, arXiv:2401.06066 (DeepSeekMoE: shared experts).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.parts import gated_mlp
from mfu_planner.errors import InputError
from mfu_planner.operators import Elementwise, MatMul, Operator, Role, Split

_COUNT_NAMES = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
_ACTIVE_NAMES = (
    "num_experts_per_tok", "experts_per_token", "moe_top_k", "num_experts_per_token", "moe_k", "moe_topk",
)  # fmt: skip
_SIZES = (
    *_COUNT_NAMES, *_ACTIVE_NAMES, "moe_intermediate_size", "n_shared_experts",
    "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size", "moe_latent_size",
)  # fmt: skip


def without_experts(c: Config) -> None:
    """Say that no layer has experts, so that the sizes of experts change nothing."""
    c.no_effect(*_SIZES)


class ExpertSizes(NamedTuple):
    """How many experts there are, how many a token visits, and the width inside each."""

    total: int
    active: int
    ffn: int


def expert_sizes(c: Config, ffn: int, *, active: int | None = None) -> ExpertSizes:
    """The experts of a config, under any of the names in use; two names must not say two numbers."""
    count = c.size(*_COUNT_NAMES)
    for name in _COUNT_NAMES:
        if c.data.get(name) not in (None, count):
            raise InputError(f"{c.origin}: {name}", c.data[name], f"{count}, as the other name of the same field says")
    if active is None:
        active = c.size(*_ACTIVE_NAMES)
    if active > count:
        raise InputError(f"{c.origin}: num_experts_per_tok", active, f"at most the number of experts, which is {count}")
    return ExpertSizes(count, active, ffn)


def moe(
    hidden: int,
    experts: ExpertSizes,
    *,
    bias: bool = False,
    router_bias: bool = False,
    gated: bool = True,
    shared: tuple[Operator, ...] = (),
    latent: int | None = None,
    latent_bias: bool = False,
) -> tuple[Operator, ...]:
    """Router, experts and whatever every token visits besides.

    ``gated``: two products up, a product of both, one down; otherwise one up and one down.  ``latent``: experts work
    in a narrower space, with one projection before and one after all of them.
    """
    width = latent or hidden
    route = (
        MatMul(
            name="router",
            inputs=hidden,
            outputs=experts.total,
            bias=router_bias,
            role=Role.ROUTER,
            split=Split.REPLICATED,
            reads="mlp_input",
        ),
        Elementwise(name="router_scores", width=experts.total, kept=1, role=Role.ROUTER),
    )
    into = _latent("latent_in_proj", hidden, width, latent_bias) if latent else ()
    out_of = _latent("latent_out_proj", width, hidden, latent_bias) if latent else ()
    return (*route, *into, *_expert_mlp(width, experts, bias=bias, gated=gated), *out_of, *shared)


def _latent(name: str, inputs: int, outputs: int, bias: bool) -> tuple[Operator, ...]:
    return (MatMul(name=name, inputs=inputs, outputs=outputs, bias=bias, role=Role.EXPERT, split=Split.REPLICATED),)


def _expert_mlp(width: int, experts: ExpertSizes, *, bias: bool, gated: bool) -> tuple[Operator, ...]:
    """The expert MLPs and the weighted sum of their outputs, which are kept for the gradient of the router.

    Bringing rows to their experts and back depends on the layout: the step-time model adds what that moves.
    """
    count, active, ffn = experts

    def product(name: str, inputs: int, outputs: int, reads: str = "", inner: Split = Split.COLUMN) -> MatMul:
        return MatMul(
            name=name,
            inputs=inputs,
            outputs=outputs,
            bias=bias,
            copies=count,
            active=active,
            role=Role.EXPERT,
            split=Split.EXPERT,
            inner=inner,
            reads=reads,
        )

    up = (product("expert_up_proj", width, ffn, "expert_input"),)
    gate = (product("expert_gate_proj", width, ffn, "expert_input"),) if gated else ()
    return (
        *gate,
        *up,
        Elementwise(
            name="expert_activation",
            width=active * ffn,
            read=2 if gated else 1,
            kept=2 if gated else 1,
            role=Role.EXPERT,
            split=Split.EXPERT,
        ),
        product("expert_down_proj", ffn, width, inner=Split.ROW),
        Elementwise(name="combine", width=active * width, read=0, written=0, kept=1, role=Role.EXPERT),
    )


def shared_expert(hidden: int, ffn: int, *, bias: bool = False, weighed: bool = False) -> tuple[Operator, ...]:
    """A gated MLP that every token visits; ``weighed``: scaled by a gate of its own for each token."""
    if not ffn:
        return ()
    gate: tuple[Operator, ...] = ()
    if weighed:
        gate = (
            MatMul(name="shared_expert_gate", inputs=hidden, outputs=1, role=Role.SHARED_EXPERT, reads="mlp_input"),
            Elementwise(name="shared_expert_scale", width=hidden, kept=1, role=Role.SHARED_EXPERT),
        )
    return reading(
        "mlp_input", (*gated_mlp(hidden, ffn, bias=bias, role=Role.SHARED_EXPERT, prefix="shared_expert_"), *gate)
    )


def reading(tensor: str, operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """The same operators, those with a named input reading ``tensor``."""
    return tuple(replace(operator, reads=tensor) if operator.reads else operator for operator in operators)
