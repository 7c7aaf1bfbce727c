"""Which gradients somebody needs, once some weights are frozen.

A weight gradient is needed where the weight is trained; an input gradient where something below the operator is.  The
operators of a model are walked in the order in which they run, and each is marked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby

from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.operators import Attention, Operator, Stream

Trained = Callable[[Block, int, Operator], bool]
"""Whether an operator's weights are trained, given its block and layer (0 where the block has no layers)."""

_INPUTS_OF_ATTENTION = re.compile(r"(?:^|_)(qkv|kv|q|k|v|query|key|value)(?:_|$)")


@dataclass
class _Flow:
    """What needs a gradient at one point of a stack."""

    live: bool
    """Whether the gradient of the tensor that flows along is needed (something trained stands below)."""
    groups: dict[str, bool] = field(default_factory=dict)
    """The same for tensors that several operators read, when the first of them did."""
    outputs: dict[str, bool] = field(default_factory=dict)
    """The same for what an operator gave, by its name: the second factor of a projection reads the first's."""
    letters: dict[str, bool] = field(default_factory=dict)
    """Whether queries, keys and values depend on something trained."""


def mark_gradients(architecture: Architecture, trained: Trained) -> Architecture:
    """The same model with needless gradients switched off, layers split into runs of equal ones.

    A model in which everything is trained keeps its work.
    """
    ends: dict[str, bool] = {}
    instances: list[tuple[int, Block, int, tuple[Operator, ...]]] = []
    for index, block, layer in _in_order(architecture):
        live = ends.get(block.stack)
        if live is None:
            live = _start(architecture, block.stack, ends)
        flow = _Flow(live)
        operators = tuple(
            _mark(op, flow, trained=trained(block, layer, op), encoder=any(ends.values())) for op in block.operators
        )
        ends[block.stack] = flow.live
        instances.append((index, block, layer, operators))
    instances.sort(key=lambda each: (each[0], each[2]))
    blocks = tuple(
        replace(block, operators=operators, layers=tuple(each[2] for each in run) if block.layers else ())
        for (_, operators), members in groupby(instances, key=lambda each: (each[0], each[3]))
        for run in [list(members)]
        for block in [run[0][1]]
    )
    return replace(architecture, blocks=blocks)


def _in_order(architecture: Architecture) -> Iterator[tuple[int, Block, int]]:
    """(place, block, layer) of every instance, in the order in which they run."""
    blocks = list(enumerate(architecture.blocks))
    for (_, layered), members in groupby(blocks, key=lambda each: (each[1].stack, bool(each[1].layers))):
        run = list(members)
        if not layered:
            yield from ((index, block, 0) for index, block in run)
        else:
            yield from sorted(
                ((index, block, layer) for index, block in run for layer in block.layers),
                key=lambda each: (each[2], each[0]),
            )


def _start(architecture: Architecture, stack: str, ends: dict[str, bool]) -> bool:
    """Whether a stack's input needs a gradient: a decoder reads what the towers before it made of images and sound."""
    return stack == "decoder" and not architecture.encoder_decoder and any(ends.values())


def _mark(op: Operator, flow: _Flow, *, trained: bool, encoder: bool) -> Operator:
    """One operator with its gradients marked; the flow goes on behind it."""
    across = op.reads == "encoder_output"
    live = encoder if across else flow.groups.setdefault(op.reads, flow.live) if op.reads else flow.live
    source = _source(op.name, flow.outputs)
    if source is not None:
        live = source
        if op.reads:
            flow.groups[op.reads] = live
    owns = bool(op.params or op.shared_with)
    changed: Operator
    if isinstance(op, Attention):
        letters = "".join(k for k in "qkv" if flow.letters.get(k, flow.live))
        changed = replace(op, input_grad=op.input_grad and bool(letters), gradients=letters or op.gradients)
        flow.letters.clear()
    else:
        changed = replace(op, input_grad=op.input_grad and live, trainable=op.trainable and (trained or not owns))
    after = live or (owns and trained and op.trainable)
    whole = op.name.partition(".lora_")[0]  # what a layer gives is its own product and its adapter's
    flow.outputs[whole] = flow.outputs.get(whole, False) or after
    if found := _INPUTS_OF_ATTENTION.search(op.name):
        word = found.group(1)
        for letter in {"query": "q", "key": "k", "value": "v"}.get(word, word):
            flow.letters[letter] = flow.letters.get(letter, False) or after
    if not (across and op.rows.stream is not Stream.TARGET):
        flow.live = flow.live or after
    return changed


def _source(name: str, outputs: dict[str, bool]) -> bool | None:
    """Whether what an operator reads needs a gradient, where it reads another's output alone; None: what flows along.

    The second factor of a projection reads the first's output, an MLP's last product that of those before it: what is
    trained in the attention beside them is not below.
    """
    name = name.removesuffix(".lora_a")
    stem = name.removesuffix("b_proj")
    if stem != name and f"{stem}a_proj" in outputs:
        return outputs[f"{stem}a_proj"]
    stem = name.removesuffix("down_proj")
    found = stem != name
    before = [
        outputs[n] for n in (f"{stem}up_proj", f"{stem}gate_proj", f"{stem}gate_up_proj") if found and n in outputs
    ]
    return any(before) if before else None
