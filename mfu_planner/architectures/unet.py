"""The U-Net of Stable Diffusion 1, 2 and XL: residual convolutions, attention to the text, down and up again.

``seq_len`` counts the text's tokens.  Text encoders and autoencoder are models of their own and not counted.

References
----------
.. [1] Rombach et al. 2021, arXiv:2112.10752 (latent diffusion); Podell et al. 2023, arXiv:2307.01952 (SDXL).
.. [2] https://github.com/huggingface/diffusers/blob/main/src/diffusers/models/unets/unet_2d_condition.py
"""

from __future__ import annotations

from dataclasses import dataclass, field

from mfu_planner.architectures.config import Config, most_of
from mfu_planner.architectures.diffusion import product
from mfu_planner.architectures.layers import Operators
from mfu_planner.architectures.model import Architecture, Block
from mfu_planner.architectures.parts import norm, residual
from mfu_planner.errors import InputError
from mfu_planner.numeric import ceil_div
from mfu_planner.operators import ALL, TOKENS, Attention, Convolution, Elementwise, MatMul, Role, Rows, Split, Stream

_LATENT = 8
"""Pixels of the image on each side of a latent position (the autoencoder of [1]_)."""
_PROMPT = 77
"""Tokens of CLIP's text encoder, which every prompt is padded to."""
_ABSENT = (
    "class_embed_type", "num_class_embeds", "encoder_hid_dim", "encoder_hid_dim_type", "time_cond_proj_dim",
    "time_embedding_dim", "timestep_post_act", "time_embedding_act_fn", "cross_attention_norm",
    "reverse_transformer_layers_per_block", "dual_cross_attention", "class_embeddings_concat",
)  # fmt: skip
"""Switches that add work of their own where they are on; no published Stable Diffusion turns one on."""
_UNUSED = (
    "_class_name", "_diffusers_version", "_name_or_path", "act_fn", "norm_eps", "norm_num_groups", "sample_size",
    "downsample_padding", "mid_block_scale_factor", "flip_sin_to_cos", "freq_shift", "center_input_sample",
    "upcast_attention", "resnet_skip_time_act", "resnet_out_scale_factor", "dropout", "attention_type",
    "addition_embed_type_num_heads", "mid_block_only_cross_attention", "num_attention_heads", "force_upcast",
)  # fmt: skip
_FIXED = {
    "time_embedding_type": "positional",
    "resnet_time_scale_shift": "default",
    "only_cross_attention": False,
    "conv_in_kernel": 3,
    "conv_out_kernel": 3,
}


@dataclass(slots=True)
class _Net:
    """The blocks so far, and the maps that the way up will read again."""

    hidden: int
    """Width of the embedded time step."""
    text: int
    """Width of the text that is read."""
    origin: str
    blocks: list[Block] = field(default_factory=list)
    skips: list[tuple[int, tuple[int, int]]] = field(default_factory=list)
    """(channels, sides) of each."""
    layers: int = 0

    def add(self, name: str, operators: Operators, count: int = 1) -> None:
        """``count`` equal blocks more."""
        self.blocks.append(Block(name, operators, tuple(range(self.layers, self.layers + count))))
        self.layers += count


def _rows(sides: tuple[int, int]) -> Rows:
    return Rows(Stream.SEQUENCE, sides[0] * sides[1])


def _convolution(
    name: str, inputs: int, outputs: int, rows: Rows, kernel: int = 9, *, given: bool = False
) -> Convolution:
    return Convolution(
        name=name, in_channels=inputs, out_channels=outputs, kernel=kernel, bias=True, rows=rows, input_grad=not given
    )


def _residual_block(net: _Net, inputs: int, outputs: int, rows: Rows) -> Operators:
    """Two convolutions with the time step added between them; a third where the width changes."""
    return (
        norm("norm_1", inputs, bias=True, rows=rows),
        Elementwise(name="activation_1", width=inputs, kept=1, rows=rows),
        _convolution("conv_1", inputs, outputs, rows),
        product("time_proj", net.hidden, outputs),
        norm("norm_2", outputs, bias=True, rows=rows),
        Elementwise(name="activation_2", width=outputs, kept=1, rows=rows),
        _convolution("conv_2", outputs, outputs, rows),
        *((_convolution("shortcut", inputs, outputs, rows, 1),) if inputs != outputs else ()),
        residual("residual", outputs, rows=rows),
    )


def _attend(width: int, heads: int, rows: Rows, text: int, pairs: int) -> Operators:
    """Attention of the map to itself (``text``: 0), or to the text; biases on the output alone."""
    prefix, keys, read = ("cross_", TOKENS, text) if text else ("", rows, width)

    def project(name: str, at: Rows, inputs: int) -> MatMul:
        return product(
            f"{prefix}{name}_proj", inputs, width, at, role=Role.ATTENTION, split=Split.COLUMN, bias=False,
            given=bool(text) and name != "q", reads="" if name == "q" and text else f"{prefix}attention_input",
        )  # fmt: skip

    return (
        norm(f"{prefix}norm", width, bias=True, rows=rows),
        project("q", rows, width),
        project("k", keys, read),
        project("v", keys, read),
        Attention(
            name=f"{prefix}attention", heads=heads, kv_heads=heads, qk_dim=width // heads, v_dim=width // heads,
            mask=ALL, rows=rows, keys=keys, unit_pairs=0 if text else pairs,
        ),
        product(f"{prefix}o_proj", width, width, rows, role=Role.ATTENTION, split=Split.ROW),
        residual(f"{prefix}residual", width, rows=rows),
    )  # fmt: skip


def _transformer(net: _Net, name: str, width: int, heads: int, layers: int, rows: Rows) -> None:
    """Layers on the map as a sequence: attention to itself, to the text, a gated MLP."""
    if width % heads:
        raise InputError(f"{net.origin}: attention_head_dim", heads, f"a divisor of the block's {width} channels")
    net.add(f"{name} in", (norm("map_norm", width, bias=True, rows=rows), product("map_in_proj", width, width, rows)))
    layer = (
        *_attend(width, heads, rows, 0, rows.factor * rows.factor),
        *_attend(width, heads, rows, net.text, 0),
        norm("mlp_norm", width, bias=True, rows=rows),
        product("gate_up_proj", width, 8 * width, rows, role=Role.MLP, split=Split.COLUMN),
        Elementwise(name="activation", width=4 * width, read=2, kept=2, rows=rows, split=Split.COLUMN, role=Role.MLP),
        product("down_proj", 4 * width, width, rows, role=Role.MLP, split=Split.ROW),
        residual("mlp_residual", width, rows=rows),
    )
    net.add(f"{name} layer", layer, layers)
    net.add(f"{name} out", (product("map_out_proj", width, width, rows), residual("map_residual", width, rows=rows)))


def _listed(c: Config, name: str, stages: int, default: int | None = None) -> list[int]:
    """A number for each stage: one for all, or a list."""
    value = c.raw(name, default)
    listed = value if isinstance(value, list) else [value] * stages
    if len(listed) != stages or not all(type(one) is int and one > 0 for one in listed):
        raise InputError(f"{c.origin}: {name}", value, f"a positive integer, or one for each of {stages} stages")
    if max(listed) > (most := most_of(name)):
        raise InputError(f"{c.origin}: {name}", max(listed), f"integers to {most:,}")
    return list(listed)


def _kinds(c: Config, name: str, stages: int, known: dict[str, bool]) -> list[bool]:
    """Whether each stage attends."""
    value = c.raw(name)
    if not isinstance(value, list) or len(value) != stages or not all(one in known for one in value):
        raise InputError(f"{c.origin}: {name}", value, f"{stages} of {', '.join(known)}")
    return [known[one] for one in value]


def _embeddings(c: Config, net: _Net, channels: int) -> None:
    """The time step, and in SDXL the pooled text with the picture's sizes beside it."""
    operators: Operators = (
        product("time_1", channels, net.hidden, given=True),
        product("time_2", net.hidden, net.hidden),
    )
    kind = c.raw("addition_embed_type")
    if kind == "text_time":
        read = c.size("projection_class_embeddings_input_dim")
        c.no_effect("addition_time_embed_dim")
        operators += (product("added_1", read, net.hidden, given=True), product("added_2", net.hidden, net.hidden))
    elif kind is not None:
        raise InputError(f"{c.origin}: addition_embed_type", kind, "null, or text_time")
    else:
        c.no_effect("projection_class_embeddings_input_dim", "addition_time_embed_dim")
    net.add("time", operators)


def _check(c: Config) -> None:
    for name in _ABSENT:
        if c.raw(name):
            raise InputError(f"{c.origin}: {name}", c.raw(name), "null: a model that text alone steers")
    for name, only in _FIXED.items():
        if c.raw(name, only) != only:
            raise InputError(f"{c.origin}: {name}", c.raw(name), str(only))
    c.no_effect(*_UNUSED)


def _unet(c: Config) -> Architecture:
    _check(c)
    widths = c.sizes("block_out_channels")
    stages, text = len(widths), c.size("cross_attention_dim")
    depth, heads = _listed(c, "layers_per_block", stages, 2), _listed(c, "attention_head_dim", stages, 8)
    deep = _listed(c, "transformer_layers_per_block", stages, 1)
    side = c.image_size // _LATENT if c.image_size else c.size("sample_size")
    sides, net = (side, side), _Net(4 * widths[0], text, c.origin)
    _embeddings(c, net, widths[0])
    net.add("in", (_convolution("conv_in", c.size("in_channels"), widths[0], _rows(sides), given=True),))
    net.skips.append((widths[0], sides))
    width = widths[0]
    down = _kinds(c, "down_block_types", stages, {"CrossAttnDownBlock2D": True, "DownBlock2D": False})
    for stage, attends in enumerate(down):
        name = f"down {stage + 1}"
        for _ in range(depth[stage]):
            net.add(f"{name} residual", _residual_block(net, width, widths[stage], _rows(sides)))
            width = widths[stage]
            if attends:
                _transformer(net, name, width, heads[stage], deep[stage], _rows(sides))
            net.skips.append((width, sides))
        if stage < stages - 1:
            sides = (ceil_div(sides[0], 2), ceil_div(sides[1], 2))
            net.add(f"{name} smaller", (_convolution("downsample", width, width, _rows(sides)),))
            net.skips.append((width, sides))
    _middle(c, net, width, heads[-1], deep[-1], sides)
    _up(c, net, widths, depth, heads, deep)
    rows = _rows(net.skips[0][1]) if net.skips else _rows((side, side))
    last = (
        norm("final_norm", widths[0], bias=True, rows=rows),
        Elementwise(name="final_activation", width=widths[0], kept=1, rows=rows),
        _convolution("conv_out", widths[0], c.size("out_channels"), rows),
    )
    net.add("out", last)
    said = "seq_len counts the text's tokens; text encoders and autoencoder are not counted"
    return Architecture(
        name=c.model_type, hidden=widths[-1], work_unit="sample", blocks=tuple(net.blocks), text_tokens=_PROMPT,
        notes=(said,),
    )  # fmt: skip


def _middle(c: Config, net: _Net, width: int, heads: int, layers: int, sides: tuple[int, int]) -> None:
    kind = c.raw("mid_block_type", "UNetMidBlock2DCrossAttn")
    if kind != "UNetMidBlock2DCrossAttn":
        raise InputError(f"{c.origin}: mid_block_type", kind, "UNetMidBlock2DCrossAttn")
    net.add("middle residual", _residual_block(net, width, width, _rows(sides)))
    _transformer(net, "middle", width, heads, layers, _rows(sides))
    net.add("middle residual again", _residual_block(net, width, width, _rows(sides)))


def _up(c: Config, net: _Net, widths: tuple[int, ...], depth: list[int], heads: list[int], deep: list[int]) -> None:
    """The way back: each block reads what the way down has left beside the map from below."""
    stages, width = len(widths), widths[-1]
    up = _kinds(c, "up_block_types", stages, {"CrossAttnUpBlock2D": True, "UpBlock2D": False})
    for number, attends in enumerate(up):
        stage, name = stages - 1 - number, f"up {number + 1}"
        for _ in range(depth[stage] + 1):
            beside, sides = net.skips.pop()
            net.add(f"{name} residual", _residual_block(net, width + beside, widths[stage], _rows(sides)))
            width = widths[stage]
            if attends:
                _transformer(net, name, width, heads[stage], deep[stage], _rows(sides))
        if stage:
            net.add(f"{name} larger", (_convolution("upsample", width, width, _rows(net.skips[-1][1])),))
    net.skips.append((width, sides))


IMPORTERS = {"UNet2DConditionModel": _unet}
