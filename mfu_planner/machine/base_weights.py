"""How the frozen weights under an adapter are stored, and what of a model is stored so."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from mfu_planner.machine.calibrated import calibration
from mfu_planner.operators import MatMul, Operator, Role

if TYPE_CHECKING:
    from mfu_planner.architectures import Architecture
    from mfu_planner.numeric import Number


def stored_bytes(name: str, inputs: Number, outputs: Number) -> Number:
    """Bytes of one weight of an ``inputs`` × ``outputs`` matrix in a format, with its share of the scales.

    Notes
    -----
    .. math:: b = b_element + \\sum b_scale/n

    with n the weights that share a scale: a number, those of an output (``row``), or all (``tensor``).

    References
    ----------
    .. [1] Dettmers et al. 2023, *QLoRA*, arXiv:2305.14314, section 3: 0.127 bit a parameter for the scales of nf4.
    """
    held = calibration()["memory"]["base_weights"][name]
    each = {"row": inputs, "tensor": inputs * outputs}
    scales = (scale["byte"] / each.get(scale["each"], scale["each"]) for scale in held["scales"])
    return sum(scales, start=held["byte_per_parameter"])


def with_base(architecture: Architecture, name: str) -> Architecture:
    """The model with the frozen weights of its linear layers, the head left out, stored in a format.

    That is what bitsandbytes replaces; embeddings, norms, biases and the head stay in the format of the run.
    """
    widened = bool(calibration()["memory"]["base_weights"][name]["widened"])

    def stored(op: Operator) -> Operator:
        if not isinstance(op, MatMul) or op.trainable or op.shared_with or op.role is Role.HEAD:
            return op
        return replace(op, stored_bytes=stored_bytes(name, op.inputs, op.outputs), widened=widened)

    blocks = tuple(replace(b, operators=tuple(stored(op) for op in b.operators)) for b in architecture.blocks)
    return replace(architecture, blocks=blocks)
