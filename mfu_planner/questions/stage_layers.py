"""Layers of the first and last pipeline stage as a run states them, held to what Megatron builds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mfu_planner.errors import InputError

if TYPE_CHECKING:
    from mfu_planner.questions.layout_parts import LayoutPart

NAMES = ("pipeline_embedding", "pipeline_loss", "layers_first", "layers_last")
"""The fields that state a division."""


@dataclass(frozen=True, kw_only=True)
class StageLayers:
    """How layers are dealt to pipeline stages, where it is stated."""

    pipeline_embedding: bool = False
    pipeline_loss: bool = False
    layers_first: int | None = None
    layers_last: int | None = None


def read_stage_layers(s: LayoutPart, pp: int, vpp: int, layers: int) -> StageLayers:
    """The stated division of ``layers`` over ``pp`` stages of ``vpp`` chunks.

    Raises
    ------
    InputError
        A division that Megatron refuses, with its reason.

    References
    ----------
    .. [1] NVIDIA/Megatron-LM, ``megatron/core/transformer/transformer_config.py``, ``__post_init__``.
    """
    first, last = s.layers_first, s.layers_last
    counted = bool(s.pipeline_embedding) + bool(s.pipeline_loss)
    found = StageLayers(
        pipeline_embedding=bool(s.pipeline_embedding),
        pipeline_loss=bool(s.pipeline_loss),
        layers_first=first,
        layers_last=last,
    )
    if first is None and last is None:
        if counted:
            name = "pipeline-embedding" if s.pipeline_embedding else "pipeline-loss"
            _divided(name, layers + counted, pp, vpp, "layers with embedding and loss counted")
        return found
    name = "layers-last" if first is None else "layers-first"
    given = first if last is None else last if first is None else f"{first} and {last}"
    if counted:
        raise InputError(name, given, "stated layers, or --pipeline-embedding and --pipeline-loss, not both")
    if pp == 1:
        raise InputError(name, given, "nothing with one stage: --pp of 2 or more has a first and a last")
    for flag, count in (("layers-first", first), ("layers-last", last)):
        if count is not None and count % vpp:
            raise InputError(
                flag, count, f"a multiple of vpp {vpp}; Megatron: must be divisible by virtual pipeline parallel degree"
            )
    middle, stages = layers - (first or 0) - (last or 0), pp - (first is not None) - (last is not None)
    if middle < stages or (not stages and middle):
        raise InputError(
            name, given, f"what leaves a layer or more for each of {stages} other stages of {layers} layers"
        )
    if stages:
        _divided(name, middle, stages, vpp, "layers at middle stages", given)
    return found


def _divided(name: str, layers: int, stages: int, vpp: int, what: str, given: object = True) -> None:
    """Whether layers are dealt evenly to stages and their chunks."""
    if layers % stages:
        reason = f"number of layers must be divisible by pipeline_model_parallel_size {stages}"
        raise InputError(name, given, f"{layers} {what} in equal parts of {stages} stages; Megatron: {reason}")
    if layers // stages % vpp:
        reason = f"must be divisible by virtual_pipeline_model_parallel_size {vpp}"
        raise InputError(name, given, f"{layers // stages} {what} a stage in {vpp} equal chunks; Megatron: {reason}")
