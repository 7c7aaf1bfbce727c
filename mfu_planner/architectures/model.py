"""A model: an ordered list of blocks, each a list of operators.  Everything else is derived from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from mfu_planner.operators import Operator, Role, Stream


@dataclass(frozen=True, slots=True)
class Block:
    """Operators that run in order, once for each layer of ``layers`` (once, where there are no layer numbers)."""

    name: str
    operators: tuple[Operator, ...]
    layers: tuple[int, ...] = ()
    stack: str = "decoder"
    """Which tower the block belongs to: decoder, encoder, vision, audio, text."""
    shared: bool = False
    """Every layer uses one and the same set of weights: counted once as parameters, each time as work."""
    counted: Any = None
    """The letter that stands for how many layers there are, where formulas are asked for."""

    @property
    def count(self) -> int:
        """How many times the block runs in one pass."""
        return self.counted if self.counted is not None else max(1, len(self.layers))

    @property
    def parameter_sets(self) -> int:
        """How many sets of weights the block owns."""
        return 1 if self.shared else self.count


@dataclass(frozen=True, slots=True)
class Architecture:
    """A model as blocks of operators, with what people ask about it.

    ``blocks`` stand in the order in which they run; a layer pattern (local, local, global, …) is several blocks with
    interleaved layer numbers.
    """

    name: str
    """The ``model_type`` it was read from."""
    blocks: tuple[Block, ...]
    hidden: int
    vocab: int = 0
    work_unit: Literal["token", "sample"] = "token"
    encoder_decoder: bool = False
    fixed_length: int | None = None
    """Positions per sample where the input fixes them (an image of one size)."""
    has_text: bool = True
    """Whether a sequence length means anything to the model."""
    text_tokens: int | None = None
    """Tokens of text beside an image, as its usual program takes them."""
    prediction: tuple[Block, ...] = ()
    """Multi-token prediction modules that the config names: left out of everything until asked for."""
    notes: tuple[str, ...] = ()
    """What a reader must know: keys of the config that were not used, where the counted model differs from it."""
    assumed: tuple[str, ...] = ()
    """Fields that the config leaves out, and the defaults that were taken."""

    def each(self) -> Iterator[tuple[Block, Operator]]:
        """Every operator with its block, in order."""
        for block in self.blocks:
            for operator in block.operators:
                yield block, operator

    @property
    def params(self) -> int:
        """All parameters."""
        return sum(block.parameter_sets * operator.params for block, operator in self.each())

    @property
    def active_params(self) -> int:
        """Parameters that one token uses: everything but the experts that were not chosen."""
        return sum(block.parameter_sets * operator.active_params for block, operator in self.each())

    def params_of(self, *roles: Role) -> int:
        """Parameters of the operators with one of the roles."""
        return sum(block.parameter_sets * op.params for block, op in self.each() if op.role in roles)

    @property
    def embedding_params(self) -> int:
        """Parameters of the token tables (counted once where the head shares them)."""
        return self.params_of(Role.EMBEDDING)

    @property
    def layers(self) -> int:
        """Layers of the main stack (the decoder, or whichever tower comes last)."""
        main = [block for block in self.blocks if block.stack == self.main_stack and block.layers]
        numbers = {n for block in main for n in block.layers}
        told_apart = len(numbers) == sum(len(block.layers) for block in main)
        if told_apart and main and all(block.counted is not None for block in main):
            return sum(block.count for block in main)
        return len(numbers)

    @property
    def main_stack(self) -> str:
        """The stack that the model is known for: the decoder where there is one, otherwise the last."""
        stacks = [block.stack for block in self.blocks if block.layers]
        return "decoder" if "decoder" in stacks or not stacks else stacks[-1]

    @property
    def uses_target(self) -> bool:
        """Whether some operator works along the decoder's own sequence."""
        return any(operator.rows.stream is Stream.TARGET for _, operator in self.each())

    @property
    def least_length(self) -> int:
        """The shortest sequence that its convolutions leave something of."""
        return max((op.rows.least for _, op in self.each() if op.rows.stream is Stream.TOKEN), default=1)

    def with_prediction(self) -> Architecture:
        """The same model with its multi-token prediction modules (no change where it has none)."""
        return replace(self, blocks=self.blocks + self.prediction, prediction=())

    def with_notes(self, *notes: str) -> Architecture:
        """The same model with more notes."""
        return replace(self, notes=self.notes + notes)


def layer_numbers(count: int) -> tuple[int, ...]:
    """All layers of a stack of ``count``."""
    return tuple(range(count))
