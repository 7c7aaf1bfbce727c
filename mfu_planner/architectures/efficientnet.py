"""EfficientNet: inverted bottlenecks with a squeeze of every channel, wider and deeper by two coefficients.

References
----------
.. [1] Tan and Le 2019, arXiv:1905.11946; transformers' ``modeling_efficientnet.py`` (how widths and depths round).
"""

from __future__ import annotations

import math
from math import ceil

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.task_heads import classifier, head_kind, sample_model
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div
from mfu_planner.numeric.letters import plain
from mfu_planner.operators import ONE_PER_SEQUENCE, Convolution, Elementwise, Norm, Rows, Stream

_KINDS = {"ForImageClassification": "classifier", "Model": "no head"}
_STEM, _TOP = 32, 1280
"""Channels of the first and of the last convolution, before the coefficient."""
_DEEPEST = 100
"""A guard: times that the blocks of a stage are repeated beyond their list."""
_LISTS = ("in_channels", "out_channels", "strides", "kernel_sizes", "expand_ratios", "num_block_repeats")

Grid = tuple[int, int]


def rounded_width(channels: int, coefficient: float, divisor: int) -> int:
    """Channels × the coefficient, a whole multiple of the divisor, at most a tenth below.

    Examples
    --------
    >>> rounded_width(32, 2.0, 8), rounded_width(40, 1.1, 8)
    (64, 48)
    """
    wanted = channels * coefficient
    width = max(divisor, math.floor(wanted / divisor + 0.5) * divisor)
    return width + divisor if width < 0.9 * wanted else width


def _rows(grid: Grid) -> Rows:
    return Rows(Stream.SEQUENCE, grid[0] * grid[1])


def _convolution(
    name: str, inputs: int, outputs: int, kernel: int, grid: Grid, *, deep: bool = False, first: bool = False
) -> Operators:
    """A convolution without bias, ``deep`` for a kernel to each channel, and its batch norm."""
    return (
        Convolution(
            name=name,
            in_channels=inputs,
            out_channels=outputs,
            kernel=kernel * kernel,
            groups=inputs if deep else 1,
            rows=_rows(grid),
            input_grad=not first,
        ),
        Norm(name=f"{name}_norm", width=outputs, bias=True, rows=_rows(grid)),
    )


def _activation(name: str, width: int, grid: Grid) -> Operators:
    return (Elementwise(name=f"{name}_activation", width=width, kept=1, rows=_rows(grid)),)


def _squeeze(width: int, inner: int, grid: Grid) -> Operators:
    """Every channel's mean through two small products: a weight for the channel."""
    parts = (("squeeze_down", width, inner), ("squeeze_up", inner, width))
    products = tuple(
        Convolution(name=name, in_channels=i, out_channels=o, kernel=1, bias=True, rows=ONE_PER_SEQUENCE)
        for name, i, o in parts
    )
    return (*products, Elementwise(name="squeeze_scale", width=width, kept=1, rows=_rows(grid)))


def _block(inputs: int, outputs: int, ratio: int, kernel: int, before: Grid, after: Grid, share: float) -> Operators:
    """Widen, convolve each channel, weigh the channels, narrow."""
    inner = inputs * ratio
    wider: Operators = ()
    if ratio != 1:
        wider = (*_convolution("expand", inputs, inner, 1, before), *_activation("expand", inner, before))
    same = inputs == outputs and before == after
    return (
        *wider,
        *_convolution("depthwise", inner, inner, kernel, after, deep=True),
        *_activation("depthwise", inner, after),
        *_squeeze(inner, max(1, math.floor(inputs * share)), after),
        *_convolution("project", inner, outputs, 1, after),
        *((Elementwise(name="residual", width=outputs, read=2, rows=_rows(after)),) if same else ()),
    )


def _efficientnet(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "classifier", notes)
    lists = {name: [plain(n) for n in c.sizes(name)] for name in _LISTS}
    if len({len(sizes) for sizes in lists.values()}) > 1:
        raise InputError(f"{c.origin}: num_block_repeats", lists["num_block_repeats"], "lists of one length")
    if set(lists["strides"]) - {1, 2}:
        raise InputError(f"{c.origin}: strides", lists["strides"], "strides of 1 and 2")
    wide, deep = plain(c.number("width_coefficient")), plain(c.number("depth_coefficient"))
    if not 0 < deep <= _DEEPEST:
        raise InputError(f"{c.origin}: depth_coefficient", deep, f"a number above zero, to {_DEEPEST}")
    divisor, share = plain(c.size("depth_divisor")), plain(c.number("squeeze_expansion_ratio"))
    even = c.raw("depthwise_padding") or []
    if not isinstance(even, list | tuple):
        raise InputError(f"{c.origin}: depthwise_padding", even, "a list of blocks' numbers")
    c.no_effect(
        "hidden_act", "pooling_type", "drop_connect_rate", "num_hidden_layers", "batch_norm_eps", "batch_norm_momentum"
    )  # fmt: skip
    height, width = c.image()
    grid: Grid = (height // 2, width // 2)
    stem = rounded_width(_STEM, wide, divisor)
    first = _convolution("stem", c.size("num_channels"), stem, 3, grid, first=True)
    blocks = [Block("stem", (*first, *_activation("stem", stem, grid)), stack="vision")]
    number, last = 0, stem
    for stage, (wanted, out, stride, kernel, ratio, repeats) in enumerate(zip(*lists.values(), strict=True), start=1):
        inputs, last = (rounded_width(n, wide, divisor) for n in (wanted, out))
        times = ceil(deep * repeats)
        after = grid
        if stride == 2:
            after = (ceil_div(grid[0], 2), ceil_div(grid[1], 2)) if number in even else (grid[0] // 2, grid[1] // 2)
        operators = _block(inputs, last, ratio, kernel, grid, after, share)
        blocks.append(Block(f"stage {stage} first", operators, (number,), stack="vision"))
        if times > 1:
            operators = _block(last, last, ratio, kernel, after, after, share)
            blocks.append(Block(f"stage {stage}", operators, tuple(range(number + 1, number + times)), stack="vision"))
        grid, number = after, number + times
    hidden = c.size("hidden_dim")
    top = rounded_width(_TOP, wide, divisor)
    if top != hidden:
        raise InputError(f"{c.origin}: hidden_dim", hidden, f"{top}: {_TOP} × width_coefficient, rounded")
    output = (*_convolution("top", last, top, 1, grid), *_activation("top", top, grid))
    blocks.append(Block("output", (*output, *(classifier(c, top) if kind == "classifier" else ())), stack="vision"))
    return sample_model(c, hidden=top, blocks=blocks, notes=notes)


IMPORTERS = {"efficientnet": _efficientnet}
