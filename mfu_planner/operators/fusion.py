"""What runs as one kernel: products that read one tensor, and memory-bound passes over the same rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mfu_planner.operators.base import Operator, Split
from mfu_planner.operators.contract import Region
from mfu_planner.operators.light import Elementwise, Lookup, Norm
from mfu_planner.operators.products import MatMul
from mfu_planner.operators.workload import Rows


def fused(operators: Iterable[Operator]) -> tuple[Operator, ...]:
    """The same work with fewer operators: q, k and v are one product, all passes over the same rows one pass.

    FLOPs and moved elements stay; parameters, kept tensors and exchanges are asked of the operators themselves.
    """
    products: dict[object, list[MatMul]] = {}
    passes: dict[tuple[Rows, Region], int] = {}
    rest: list[Operator] = []
    for op in operators:
        if isinstance(op, MatMul):
            same = (op.reads or op.name, op.split, op.inner, op.copies, op.active, op.inputs, op.rows)
            products.setdefault((*same, op.input_grad, op.trainable), []).append(op)
        elif isinstance(op, Norm | Lookup) or (isinstance(op, Elementwise) and not op.loss):
            width = op.width * (op.read + op.written) if isinstance(op, Elementwise) else 2 * op.width
            width = width * op.vectors if isinstance(op, Norm) else width
            passes[op.rows, op.region] = passes.get((op.rows, op.region), 0) + width
        else:
            rest.append(op)
    merged = [
        ops[0] if len(ops) == 1 else replace(ops[0], outputs=sum(o.outputs for o in ops)) for ops in products.values()
    ]
    return (*merged, *rest, *(_pass(rows, region, width) for (rows, region), width in passes.items() if width))


def _pass(rows: Rows, region: Region, width: int) -> Elementwise:
    split = Split.HEADS if region is Region.SPLIT else Split.SEQUENCE
    return Elementwise(name=f"{region} passes", width=width, read=1, written=0, rows=rows, split=split)
