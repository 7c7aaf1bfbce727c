"""LongCat-Flash: two attention blocks and two dense MLPs a layer, and experts beside them, some of which do nothing.

References
----------
.. [1] Meituan LongCat Team 2025, arXiv:2509.01322 (zero-computation experts: 18.6B to 31.3B active, 27B on average).
"""

from __future__ import annotations

from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import causal_decoder, layer_blocks
from mfu_planner.architectures.deepseek import ROUTING, latent_attention
from mfu_planner.architectures.experts import ExpertSizes, moe
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import gated_mlp, norm, residual
from mfu_planner.operators import MatMul, Operator

Operators = tuple[Operator, ...]


def _numbered(operators: Operators, number: int) -> Operators:
    """The operators of the first or second half of a layer, with names of their own."""
    return tuple(
        replace(op, name=f"{op.name}_{number}", reads=f"{op.reads}_{number}" if op.reads else "") for op in operators
    )


def _longcat(c: Config) -> Architecture:
    hidden, layers = c.size("hidden_size"), c.size("num_layers", "num_hidden_layers")
    routed, idle = c.size("n_routed_experts"), c.size("zero_expert_num", default=0, least=0)
    chosen = c.size("moe_topk", "num_experts_per_tok")
    ffn = c.size("expert_ffn_hidden_size", "moe_intermediate_size")
    width = c.size("ffn_hidden_size", "intermediate_size")
    c.no_effect(
        "zero_expert_type", "router_bias", "mla_scale_q_lora", "mla_scale_kv_lora", "attention_method", *ROUTING
    )
    router_bias = c.flag("router_bias", default=False)
    active = -(-chosen * routed // (routed + idle))
    mixture: list[Operator] = []
    for op in moe(hidden, ExpertSizes(routed, active, ffn), router_bias=router_bias):
        if isinstance(op, MatMul) and op.name == "router":
            mixture.append(replace(op, outputs=routed + idle))
        else:
            mixture.append(op)
    attention, mlp = latent_attention(c, hidden, compressed=True), gated_mlp(hidden, width)
    layer = (
        *_numbered((norm("input_norm", hidden), *attention, residual("attention_residual", hidden)), 1),
        norm("post_attention_norm_1", hidden),
        *mixture,
        *_numbered((*mlp, residual("mlp_residual", hidden)), 1),
        *_numbered((norm("input_norm", hidden), *attention, residual("attention_residual", hidden)), 2),
        norm("post_attention_norm_2", hidden),
        *_numbered((*mlp, residual("mlp_residual", hidden)), 2),
    )
    built = causal_decoder(c, hidden, layer_blocks(["layer"] * layers, {"layer": layer}))
    if not idle:
        return built
    rows = layers * idle * 2 * ffn * hidden
    return built.with_notes(
        f"{c.origin}: {idle} of {routed + idle} experts compute nothing: of the {chosen} that a token chooses, "
        f"{active} are counted, as balanced routing has it"
        + ("" if chosen * routed % (routed + idle) == 0 else " (rounded up)"),
        f"{c.origin}: the published checkpoint holds no weights for experts that compute nothing; the class in "
        f"transformers keeps {rows:,} parameters for them that nothing reads",
    )


IMPORTERS = {"longcat_flash": _longcat}
