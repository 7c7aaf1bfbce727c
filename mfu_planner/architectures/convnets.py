"""Convolutional networks: ResNet and ConvNeXt, stage by stage.

References
----------
.. [1] He et al. 2015, arXiv:1512.03385 (ResNet; the stride sits in the 3 × 3 convolution unless the config says so).
.. [2] Liu et al. 2022, arXiv:2201.03545 (ConvNeXt); Woo et al. 2023, arXiv:2301.00808 (V2: response normalisation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import norm
from mfu_planner.architectures.task_heads import classifier, head_kind, sample_model
from mfu_planner.architectures.vit import patch_grid
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div
from mfu_planner.operators import ONE_PER_SEQUENCE, Convolution, Elementwise, MatMul, Norm, Role, Rows, Split, Stream

_CROP = 224
"""Side of ResNet's training crops [pixels]: He et al. 2015, section 3.4 (its configs state no size)."""

_KINDS = {"ForImageClassification": "classifier", "Backbone": "no head", "Model": "no head"}


@dataclass(frozen=True, slots=True)
class _Grid:
    """Height and width of a feature map."""

    height: int
    width: int

    @property
    def rows(self) -> Rows:
        return Rows(Stream.SEQUENCE, self.height * self.width)

    def halved(self) -> _Grid:
        """After a stride of two with padding: odd sizes round up."""
        return _Grid(ceil_div(self.height, 2), ceil_div(self.width, 2))


def _conv_norm(name: str, inputs: int, outputs: int, kernel: int, grid: _Grid, *, first: bool = False) -> Operators:
    """A square convolution without bias, its batch norm, and a ReLU, whose output the next product keeps."""
    return (
        Convolution(
            name=name,
            in_channels=inputs,
            out_channels=outputs,
            kernel=kernel * kernel,
            rows=grid.rows,
            input_grad=not first,
        ),
        Norm(name=f"{name}_norm", width=outputs, bias=True, rows=grid.rows),
        Elementwise(name=f"{name}_activation", width=outputs, rows=grid.rows),
    )


def _resnet_block(
    inputs: int, outputs: int, before: _Grid, after: _Grid, *, bottleneck: bool, early: bool
) -> Operators:
    """Two or three convolutions beside an identity, which becomes a 1 × 1 convolution where the shape changes.

    ``early``: the stride sits in the first convolution.
    """
    shortcut: Operators = ()
    if inputs != outputs or before != after:
        shortcut = _conv_norm("shortcut", inputs, outputs, 1, after)[:2]
    if bottleneck:
        inner = outputs // 4
        convolutions = (
            *_conv_norm("conv_1", inputs, inner, 1, after if early else before),
            *_conv_norm("conv_2", inner, inner, 3, after),
            *_conv_norm("conv_3", inner, outputs, 1, after),
        )
    else:
        convolutions = (
            *_conv_norm("conv_1", inputs, outputs, 3, after),
            *_conv_norm("conv_2", outputs, outputs, 3, after),
        )
    return (*shortcut, *convolutions, Elementwise(name="residual", width=outputs, read=2, rows=after.rows))


def residual_stages(
    channels: int,
    stem: int,
    widths: Sequence[int],
    depths: Sequence[int],
    size: tuple[int, int],
    *,
    bottleneck: bool,
    early: bool = False,
    first_strided: bool = False,
    last_dilated: bool = False,
) -> tuple[list[Block], int, int]:
    """Stem and stages of a ResNet on images of a size; the channels and the positions that are left.

    ``last_dilated``: the last stage spreads its kernels instead of halving the map.
    """
    grid = _Grid(*size).halved()
    blocks = [Block("stem", _conv_norm("stem", channels, stem, 7, grid, first=True), stack="vision")]
    grid, inputs, layer = grid.halved(), stem, 0
    for stage, (outputs, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        strided = first_strided if stage == 1 else not (last_dilated and stage == len(widths))
        after = grid.halved() if strided else grid
        first = _resnet_block(inputs, outputs, grid, after, bottleneck=bottleneck, early=early)
        rest = _resnet_block(outputs, outputs, after, after, bottleneck=bottleneck, early=early)
        blocks.append(Block(f"stage {stage} first", first, (layer,), stack="vision"))
        if depth > 1:
            numbers = tuple(range(layer + 1, layer + depth))
            blocks.append(Block(f"stage {stage}", rest, numbers, stack="vision"))
        grid, inputs, layer = after, outputs, layer + depth
    return blocks, inputs, grid.height * grid.width


def stages_of(c: Config) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Channels and blocks of each stage.

    Raises
    ------
    InputError
        Not as many of the one as of the other.
    """
    widths, depths = c.sizes("hidden_sizes"), c.sizes("depths")
    if len(widths) != len(depths):
        raise InputError(f"{c.origin}: depths", depths, f"one depth for each of the {len(widths)} hidden_sizes")
    return widths, depths


def _resnet(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "classifier", notes)
    if not c.image_size and not c.has("image_size"):
        notes.append(f"{c.origin}: image_size: not stated: images of {_CROP} × {_CROP} pixels, as in the paper")
    height, width = c.image(default=_CROP)
    (widths, depths), stem = stages_of(c), c.size("embedding_size")
    kind_of_layer = c.text("layer_type")
    if kind_of_layer not in ("basic", "bottleneck"):
        raise InputError(f"{c.origin}: layer_type", kind_of_layer, "basic or bottleneck")
    bottleneck, early = kind_of_layer == "bottleneck", c.flag("downsample_in_bottleneck", default=False)
    c.no_effect("hidden_act", "out_features", "out_indices", "stage_names")
    first = c.flag("downsample_in_first_stage", default=False)
    channels, size = c.size("num_channels"), (height, width)
    blocks, inputs, _ = residual_stages(
        channels, stem, widths, depths, size, bottleneck=bottleneck, early=early, first_strided=first
    )
    if kind == "classifier":
        blocks.append(Block("output", classifier(c, inputs), stack="vision"))
    return sample_model(c, hidden=inputs, blocks=blocks, notes=notes)


def _convnext_layer(width: int, rows: Rows, *, scaled: bool, response_norm: bool) -> Operators:
    """A depthwise 7 × 7 convolution, a norm, and an MLP of four times the width on each position."""

    def linear(name: str, inputs: int, outputs: int) -> MatMul:
        return MatMul(
            name=name, inputs=inputs, outputs=outputs, bias=True, role=Role.MLP, split=Split.REPLICATED, rows=rows
        )

    inner = 4 * width
    return (
        Convolution(
            name="depthwise", in_channels=width, out_channels=width, kernel=7 * 7, groups=width, bias=True, rows=rows
        ),
        norm("norm", width, bias=True, rows=rows),
        linear("up_proj", width, inner),
        Elementwise(name="activation", width=inner, kept=1, rows=rows, role=Role.MLP),
        *((Norm(name="response_norm", width=inner, bias=True, rows=rows),) if response_norm else ()),
        linear("down_proj", inner, width),
        Elementwise(name="layer_scale", width=width, read=2, weights=width if scaled else 0, rows=rows),
    )


def _convnext(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "classifier", notes)
    widths, depths = stages_of(c)
    down, across, patch = patch_grid(c)
    grid, inputs, layer = _Grid(down, across), widths[0], 0
    v2 = c.model_type == "convnextv2"
    scaled = not v2 and c.number("layer_scale_init_value", default=1e-6) > 0
    c.no_effect("hidden_act", "num_stages", "drop_path_rate", "out_features", "out_indices", "stage_names")
    stem = (
        Convolution(
            name="stem",
            in_channels=c.size("num_channels"),
            out_channels=inputs,
            kernel=patch[0] * patch[1],
            bias=True,
            rows=grid.rows,
            input_grad=False,
        ),
        norm("stem_norm", inputs, bias=True, rows=grid.rows),
    )
    blocks = [Block("stem", stem, stack="vision")]
    for stage, (width, depth) in enumerate(zip(widths, depths, strict=True), start=1):
        if stage > 1:
            smaller = _Grid(grid.height // 2, grid.width // 2)
            downsample = (
                norm("downsample_norm", inputs, bias=True, rows=grid.rows),
                Convolution(
                    name="downsample",
                    in_channels=inputs,
                    out_channels=width,
                    kernel=2 * 2,
                    bias=True,
                    rows=smaller.rows,
                ),
            )
            blocks.append(Block(f"stage {stage} downsample", downsample, stack="vision"))
            grid = smaller
        numbers = tuple(range(layer, layer + depth))
        operators = _convnext_layer(width, grid.rows, scaled=scaled, response_norm=v2)
        blocks.append(Block(f"stage {stage}", operators, numbers, stack="vision"))
        inputs, layer = width, layer + depth
    output: Operators = (norm("final_norm", inputs, bias=True, rows=ONE_PER_SEQUENCE),)
    if kind == "classifier":
        output += classifier(c, inputs)
    blocks.append(Block("output", output, stack="vision"))
    return sample_model(c, hidden=inputs, blocks=blocks, notes=notes)


IMPORTERS = {"resnet": _resnet, "convnext": _convnext, "convnextv2": _convnext}
