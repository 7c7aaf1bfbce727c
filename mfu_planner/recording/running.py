"""One pass of a model under a recorder, and the recipe with which it passes at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mfu_planner.recording.arguments import candidates
from mfu_planner.recording.attending import RUNNING
from mfu_planner.recording.inputs import BatchSizes, Recipe
from mfu_planner.recording.meta_run import MetaRun, Product, gradients_of_convolution
from mfu_planner.recording.repair import Mender

_MENDS = 14


@dataclass(frozen=True, slots=True)
class Pass:
    """One recorded forward and backward pass."""

    products: list[Product]
    assumed: frozenset[str]
    used: frozenset[str]
    differentiable: bool
    backward: bool
    """Whether the backward pass was run."""


def total(output: Any) -> Any:
    """The sum of everything floating that a model returns and that has a gradient; None where nothing has."""
    import torch

    found: list[Any] = []

    def walk(value: Any) -> None:
        if isinstance(value, torch.Tensor):
            if value.requires_grad:
                found.append((value.abs() if value.is_complex() else value).float().sum())
        elif isinstance(value, dict):
            for one in value.values():
                walk(one)
        elif isinstance(value, list | tuple):
            for one in value:
                walk(one)

    walk(output)
    return torch.stack(found).sum() if found else None


def record_pass(model: Any, recipe: Recipe, sizes: BatchSizes, *, backward: bool = True) -> Pass:
    """Every product of both passes at one size."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    run = MetaRun(model)
    RUNNING.append(run)
    model.zero_grad(set_to_none=True)
    try:
        with run, sdpa_kernel(SDPBackend.MATH):
            loss = total(model(**recipe.tensors(model.config, sizes)))
            if loss is not None and backward:
                loss.backward()
    finally:
        RUNNING.pop()
        run.close()
    return Pass(run.products, frozenset(run.assumed), frozenset(run.used), loss is not None, backward)


def counted(model: Any, recipe: Recipe, sizes: BatchSizes, *, backward: bool = True) -> tuple[int, int]:
    """FLOP forward and of both passes by torch's own formulas, with eager attention."""
    from torch.nn.attention import SDPBackend, sdpa_kernel

    attend(model, "eager")
    model.zero_grad(set_to_none=True)
    run = MetaRun(model)
    try:
        with run, sdpa_kernel(SDPBackend.MATH):
            loss = total(model(**recipe.tensors(model.config, sizes)))
            forward = run.counted
            if loss is not None and backward:
                loss.backward()
    finally:
        run.close()
    return forward, run.counted


def counted_for_real(model: Any, recipe: Recipe, sizes: BatchSizes) -> tuple[int, int]:
    """The same for a model with weights, as :class:`torch.utils.flop_counter.FlopCounterMode` counts it."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel
    from torch.utils.flop_counter import FlopCounterMode

    mended = {torch.ops.aten.convolution_backward: gradients_of_convolution}
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, custom_mapping=mended) as counter:
        loss = total(model(**recipe.tensors(model.config, sizes, "cpu")))
        forward = int(counter.get_total_flops())
        if loss is not None:
            loss.backward()
    return forward, int(counter.get_total_flops())


def attend(model: Any, how: str) -> bool:
    """Switch a model's attention; False where it has only its own."""
    try:
        model.set_attn_implementation(how)
    except (ValueError, AttributeError, NotImplementedError):
        return False
    return True


def tries(model: Any, size_of: Any) -> Iterator[tuple[Recipe, Pass]]:
    """Recipes with which the model runs forward at a small size, each mended by its errors; else the first error.

    ``size_of`` gives the sizes to run a recipe at.
    """
    failed: Exception | None = None
    found = 0
    for recipe in candidates(model):
        mender = Mender(model)
        for _ in range(_MENDS):
            sizes = size_of(recipe)
            try:
                run = record_pass(model, recipe, sizes, backward=False)
            except Exception as error:  # noqa: BLE001 - a model's own code may fail in any way: its text says what to mend
                failed = failed or error
                mended = mender.mend(error, recipe, sizes)
                if mended is None:
                    break
                recipe = mended
            else:
                found += 1
                yield recipe, run
                break
    if not found and failed is not None:
        raise failed
