"""By operator group: what torch counts under each module equals the operators of that role."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.architectures import Block, from_config
from mfu_planner.operators import Attention, MatMul, Operator, Role

_spec = importlib.util.spec_from_file_location("golden_cases", Path(__file__).with_name("test_golden.py"))
assert _spec is not None
assert _spec.loader is not None
golden = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(golden)

GROUP_OF = {
    Role.MLP: "mlp", Role.ROUTER: "router", Role.EXPERT: "experts", Role.SHARED_EXPERT: "shared_experts",
    Role.HEAD: "head",
}  # fmt: skip
GROUPS = {"attention", "attention_out", "qkv", *GROUP_OF.values()}
ENTRIES = [e for e in golden.ENTRIES if e["kind"] == "decoder" and e["cases"][0]["by_group"].keys() <= GROUPS]


def group_of(operator: Operator) -> str | None:
    """The measured group that an operator's products fall into; None for work that counts nothing."""
    if isinstance(operator, Attention):
        return "attention"
    if operator.role is Role.ATTENTION:
        return "attention_out" if operator.name == "o_proj" else "qkv"
    return GROUP_OF.get(operator.role) if isinstance(operator, MatMul) else None


def counted(blocks: tuple[Block, ...], work: Any, backward: bool) -> Counter[str]:
    """FLOP by group, forward or forward plus backward."""
    found: Counter[str] = Counter()
    for block in blocks:
        for operator in block.operators:
            flops = operator.forward_flops(work) + (operator.backward_flops(work) if backward else 0)
            if flops:
                found[group_of(operator) or f"unknown: {operator.name}"] += block.count * flops
    return found


def test_most_decoders_are_compared() -> None:
    """The comparison by group covers more than a hundred models."""
    assert len(ENTRIES) > 100


@pytest.mark.each("entry", ENTRIES)
def test_each_group_equals_the_measured_one(entry: dict[str, Any]) -> None:
    """Projections, attention, MLP, experts, router and head, each to the integer."""
    blocks = from_config(golden.config_of(entry)).blocks
    for case in entry["cases"]:
        found = counted(blocks, golden.workload(entry, case), case["mode"] == "forward_backward")

        assert case["by_group"] == dict(found)
