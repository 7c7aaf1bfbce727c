"""Text-to-image and text-to-video transformers: Flux, Stable Diffusion 3, PixArt, Wan (diffusers' configs).

``seq_len`` counts the text's tokens; the image's positions follow from its size.  Text encoders and autoencoder are
models of their own and not counted.

References
----------
.. [1] Black Forest Labs 2024, https://github.com/black-forest-labs/flux; Esser et al. 2024, arXiv:2403.03206 (SD 3).
.. [2] Chen et al. 2023, arXiv:2310.00426 (PixArt-α); Wan Team 2025, arXiv:2503.20314 (Wan).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import plain_mlp, residual
from mfu_planner.architectures.vit import free_vectors, patch_embedding
from mfu_planner.errors import InputError
from mfu_planner.operators import (
    ALL,
    ONE_PER_SEQUENCE,
    TOKENS,
    Attention,
    Elementwise,
    MatMul,
    Norm,
    Role,
    Rows,
    Split,
    Stream,
)

_WAVES = 256
"""Sines and cosines that stand for the time step (diffusers' ``Timesteps``)."""
_LATENT = 8
"""Pixels of the image on each side of a latent position (the autoencoders of [1]_ and [2]_)."""
_PACKED = 2
"""Latent positions on each side of one of Flux's vectors (its pipeline packs them; the config has patches of one)."""
_USUAL = 1024
"""Side of an image where neither config nor user says one [pixels]."""
_UNUSED = ("_class_name", "_diffusers_version", "_name_or_path")


def product(
    name: str,
    inputs: int,
    outputs: int,
    rows: Rows = ONE_PER_SEQUENCE,
    *,
    role: Role = Role.OTHER,
    split: Split = Split.REPLICATED,
    given: bool = False,
    bias: bool = True,
    reads: str = "",
) -> MatMul:
    """A linear layer; ``given``: its input is data, which needs no gradient."""
    return MatMul(
        name=name,
        inputs=inputs,
        outputs=outputs,
        bias=bias,
        role=role,
        split=split,
        rows=rows,
        input_grad=not given,
        reads=reads,
    )


def _embedder(name: str, inputs: int, width: int, rows: Rows = ONE_PER_SEQUENCE) -> Operators:
    """Two layers from what is given to the model's width."""
    return (product(f"{name}_1", inputs, width, rows, given=True), product(f"{name}_2", width, width, rows))


def _bare(name: str, width: int, rows: Rows) -> Operators:
    """A norm without weights, shifted and scaled by the condition."""
    return (
        Norm(name=name, width=width, weight=False, rows=rows),
        Elementwise(name=f"{name}_modulation", width=width, kept=1, rows=rows),
    )


def _heads_normed(s: Sizes, prefix: str, rows: Rows, *, normed: bool) -> Operators:
    if not normed:
        return ()
    return tuple(
        Norm(name=f"{prefix}{n}_norm", width=s.head_dim, vectors=s.heads, split=Split.HEADS, rows=rows) for n in "qk"
    )


def _projections(s: Sizes, prefix: str, rows: Rows, *, normed: bool) -> Operators:
    width = s.heads * s.head_dim
    return (
        *(
            product(
                f"{prefix}{n}_proj",
                s.hidden,
                width,
                rows,
                role=Role.ATTENTION,
                split=Split.COLUMN,
                reads=f"{prefix}attention_input",
            )
            for n in "qkv"
        ),
        *_heads_normed(s, prefix, rows, normed=normed),
    )


def _out(s: Sizes, prefix: str, rows: Rows) -> MatMul:
    return product(f"{prefix}o_proj", s.heads * s.head_dim, s.hidden, rows, role=Role.ATTENTION, split=Split.ROW)


def _attend(s: Sizes, rows: Rows, keys: Rows, name: str = "attention", pairs: int = 0) -> Attention:
    return Attention(
        name=name,
        heads=s.heads,
        kv_heads=s.heads,
        qk_dim=s.head_dim,
        v_dim=s.head_dim,
        mask=ALL,
        rows=rows,
        keys=keys,
        unit_pairs=pairs,
    )


def _sizes(c: Config, heads: int, head_dim: int, layers: str = "num_layers") -> Sizes:
    hidden = heads * head_dim
    return Sizes(
        hidden=hidden, heads=heads, kv_heads=heads, head_dim=head_dim, ffn=4 * hidden, vocab=0, layers=c.size(layers)
    )


def _positions(c: Config, notes: list[str], patch: int, *, stated: bool) -> int:
    """Vectors of an image on one side."""
    own = c.size("sample_size") * _LATENT if stated else _USUAL
    side = c.image_size or own
    if not c.image_size and not stated:
        notes.append(f"{c.origin}: images of {_USUAL} × {_USUAL} pixels: --image-size says another size")
    return c.divides("image_size / pixels of a patch", side, _LATENT * patch)


_PROMPT = 512
"""Tokens: ``max_sequence_length`` of FluxPipeline and WanPipeline (github.com/huggingface/diffusers, November 2026)."""


def _model(
    c: Config, s: Sizes, blocks: tuple[Block, ...], notes: list[str], text_tokens: int | None = None
) -> Architecture:
    return Architecture(
        name=c.model_type,
        hidden=s.hidden,
        work_unit="sample",
        blocks=blocks,
        text_tokens=text_tokens,
        notes=(*notes, "seq_len counts the text's tokens; text encoders and autoencoder are not counted"),
    )


def _last(s: Sizes, image: Rows, outputs: int, *, modulated: bool = True) -> Operators:
    return (
        *((product("final_modulation", s.hidden, 2 * s.hidden),) if modulated else ()),
        *_bare("final_norm", s.hidden, image),
        product("final_proj", s.hidden, outputs, image, role=Role.HEAD),
    )


def _joint(s: Sizes, image: Rows, both: Rows, *, normed: bool, last: bool = False, dual: bool = False) -> Operators:
    """Image and text with weights of their own, attending to one another; ``last``: the text ends there."""
    width = s.hidden
    second: Operators = ()
    if dual:  # the image attends to itself once more
        second = (
            *_projections(s, "dual_", image, normed=normed),
            _attend(s, image, image, "dual_attention", image.factor * image.factor),
            _out(s, "dual_", image),
        )
    after: Operators = ()
    if not last:
        after = (
            _out(s, "text_", TOKENS),
            residual("text_attention_residual", width),
            *_bare("text_post_attention_norm", width, TOKENS),
            *plain_mlp(width, s.ffn, prefix="text_"),
            residual("text_mlp_residual", width),
        )
    return (
        product("modulation", width, (9 if dual else 6) * width),
        product("text_modulation", width, (2 if last else 6) * width),
        *_bare("input_norm", width, image),
        *_bare("text_input_norm", width, TOKENS),
        *_projections(s, "", image, normed=normed),
        *_projections(s, "text_", TOKENS, normed=normed),
        _attend(s, both, both),
        _out(s, "", image),
        *second,
        residual("attention_residual", width, rows=image),
        *_bare("post_attention_norm", width, image),
        *plain_mlp(width, s.ffn, rows=image),
        residual("mlp_residual", width, rows=image),
        *after,
    )


def _single(s: Sizes, both: Rows) -> Operators:
    """Image and text as one sequence: attention and MLP side by side, one product for both outputs."""
    width = s.hidden
    return (
        product("modulation", width, 3 * width),
        *_bare("input_norm", width, both),
        product("up_proj", width, s.ffn, both, role=Role.MLP, split=Split.COLUMN, reads="attention_input"),
        Elementwise(name="activation", width=s.ffn, kept=1, split=Split.COLUMN, rows=both, role=Role.MLP),
        *_projections(s, "", both, normed=True),
        _attend(s, both, both),
        product("down_proj", width + s.ffn, width, both, role=Role.MLP, split=Split.ROW),
        residual("residual", width, rows=both),
    )


def _flux(c: Config) -> Architecture:
    notes: list[str] = []
    s = _sizes(c, c.size("num_attention_heads"), c.size("attention_head_dim"))
    side, channels, patch = _positions(c, notes, _PACKED, stated=False), c.size("in_channels"), c.size("patch_size")
    image = Rows(Stream.SEQUENCE, side * side)
    both, pooled = Rows(plus=side * side), c.size("pooled_projection_dim")
    c.no_effect(*_UNUSED, "axes_dims_rope", "guidance_embeds")
    guided = c.flag("guidance_embeds", default=False)
    first = (
        product("image_embedding", channels, s.hidden, image, given=True),
        product("text_embedding", c.size("joint_attention_dim"), s.hidden, TOKENS, given=True),
        *_embedder("time_proj", _WAVES, s.hidden),
        *(_embedder("guidance_proj", _WAVES, s.hidden) if guided else ()),
        *_embedder("pooled_text_proj", pooled, s.hidden),
    )
    outputs = c.size("out_channels", default=channels) * patch * patch
    singles = c.size("num_single_layers")
    blocks = (
        Block("embedding", first),
        Block("joint layer", _joint(s, image, both, normed=True), layer_numbers(s.layers)),
        Block("single layer", _single(s, both), tuple(range(s.layers, s.layers + singles))),
        Block("output", _last(s, image, outputs)),
    )
    return _model(c, s, blocks, notes, _PROMPT)


def _sd3(c: Config) -> Architecture:
    notes: list[str] = []
    s = _sizes(c, c.size("num_attention_heads"), c.size("attention_head_dim"))
    patch, channels = c.size("patch_size"), c.size("in_channels")
    side = _positions(c, notes, patch, stated=True)
    image, both = Rows(Stream.SEQUENCE, side * side), Rows(plus=side * side)
    duals = c.raw("dual_attention_layers", []) or []
    if not isinstance(duals, list) or not all(type(n) is int and 0 <= n < s.layers for n in duals):
        raise InputError(f"{c.origin}: dual_attention_layers", duals, f"numbers of layers below {s.layers}")
    c.no_effect(*_UNUSED, "pos_embed_max_size", "caption_projection_dim", "sample_size")
    normed = c.raw("qk_norm") is not None
    first = (
        patch_embedding(channels, s.hidden, (patch, patch), image),
        product("text_embedding", c.size("joint_attention_dim"), s.hidden, TOKENS, given=True),
        *_embedder("time_proj", _WAVES, s.hidden),
        *_embedder("pooled_text_proj", c.size("pooled_projection_dim"), s.hidden),
    )
    kinds = [(n in duals, n == s.layers - 1) for n in range(s.layers)]
    layers = tuple(
        Block(
            f"{'dual ' * dual}{'last ' * last}layer",
            _joint(s, image, both, normed=normed, dual=dual, last=last),
            tuple(n for n, one in enumerate(kinds) if one == (dual, last)),
        )
        for dual, last in dict.fromkeys(kinds)
    )
    outputs = c.size("out_channels", default=channels) * patch * patch
    blocks = (Block("embedding", first), *layers, Block("output", _last(s, image, outputs)))
    return _model(c, s, blocks, notes)


def _crossing(s: Sizes, image: Rows, pairs: int, *, whole_norms: bool, cross_norm: bool) -> Operators:
    """Self-attention of the image and an MLP, shifted by the condition; attention to the text between them."""
    width = s.heads * s.head_dim

    def norms(prefix: str, keys: Rows) -> Operators:
        if not whole_norms:
            return ()
        return (
            Norm(name=f"{prefix}q_norm", width=width, rows=image, split=Split.HEADS),
            Norm(name=f"{prefix}k_norm", width=width, rows=keys, split=Split.HEADS),
        )

    def project(name: str, rows: Rows, reads: str) -> MatMul:
        return product(name, s.hidden, width, rows, role=Role.ATTENTION, split=Split.COLUMN, reads=reads)

    return (
        Elementwise(name="scale_shift", width=6 * s.hidden, weights=6 * s.hidden, rows=ONE_PER_SEQUENCE),
        *_bare("input_norm", s.hidden, image),
        *_projections(s, "", image, normed=False),
        *norms("", image),
        _attend(s, image, image, pairs=pairs),
        _out(s, "", image),
        residual("attention_residual", s.hidden, rows=image),
        *((Norm(name="cross_norm", width=s.hidden, bias=True, rows=image),) if cross_norm else ()),
        project("cross_q_proj", image, ""),
        project("cross_k_proj", TOKENS, "text"),
        project("cross_v_proj", TOKENS, "text"),
        *norms("cross_", TOKENS),
        _attend(s, image, TOKENS, "cross_attention"),
        _out(s, "cross_", image),
        residual("cross_attention_residual", s.hidden, rows=image),
        *_bare("post_attention_norm", s.hidden, image),
        *plain_mlp(s.hidden, s.ffn, rows=image),
        residual("mlp_residual", s.hidden, rows=image),
    )


def _pixart(c: Config) -> Architecture:
    notes: list[str] = []
    s = _sizes(c, c.size("num_attention_heads"), c.size("attention_head_dim"))
    patch, channels = c.size("patch_size"), c.size("in_channels")
    side = _positions(c, notes, patch, stated=True)
    image = Rows(Stream.SEQUENCE, side * side)
    c.no_effect(
        *_UNUSED, "sample_size", "activation_fn", "norm_type", "norm_eps", "norm_num_groups", "num_embeds_ada_norm",
        "upcast_attention", "attention_type", "interpolation_scale", "cross_attention_dim", "norm_elementwise_affine",
        "double_self_attention", "only_cross_attention", "num_vector_embeds", "use_linear_projection",
        "attention_bias",
    )  # fmt: skip
    further = c.raw("use_additional_conditions")
    sized = c.size("sample_size") == _USUAL // _LATENT if further is None else bool(further)
    third = s.hidden // 3
    sizes: Operators = ()
    if sized:  # height and width, and their ratio
        sizes = (
            *_embedder("resolution_proj", _WAVES, third, Rows(Stream.SEQUENCE, 2)),
            *_embedder("ratio_proj", _WAVES, third),
        )
    first = (
        patch_embedding(channels, s.hidden, (patch, patch), image),
        *_embedder("time_proj", _WAVES, s.hidden),
        *sizes,
        product("modulation", s.hidden, 6 * s.hidden),
        *_embedder("text_proj", c.size("caption_channels"), s.hidden, TOKENS),
    )
    outputs = c.size("out_channels", default=channels) * patch * patch
    layer = _crossing(s, image, image.factor * image.factor, whole_norms=False, cross_norm=False)
    last = (
        free_vectors("final_scale_shift", 2, s.hidden, ONE_PER_SEQUENCE),
        *_last(s, image, outputs, modulated=False),
    )
    blocks = (Block("embedding", first), Block("layer", layer, layer_numbers(s.layers)), Block("output", last))
    return _model(c, s, blocks, notes)


def _wan(c: Config) -> Architecture:
    notes = ["--images counts latent pictures of the video: the first, and one for four further"]
    heads, head_dim = c.size("num_attention_heads"), c.size("attention_head_dim")
    hidden, channels = heads * head_dim, c.size("in_channels")
    s = Sizes(
        hidden=hidden, heads=heads, kv_heads=heads, head_dim=head_dim, ffn=c.size("ffn_dim"), vocab=0,
        layers=c.size("num_layers"),
    )  # fmt: skip
    patch = c.sizes("patch_size")
    for name in ("image_dim", "added_kv_proj_dim", "pos_embed_seq_len"):
        if c.raw(name) is not None:
            raise InputError(f"{c.origin}: {name}", c.raw(name), "null: a model that text alone steers")
    if len(patch) != 3 or patch[1] != patch[2] or patch[0] != 1:
        raise InputError(f"{c.origin}: patch_size", list(patch), "one picture, a square: [1, 2, 2]")
    side = _positions(c, notes, patch[1], stated=False)
    image = Rows(Stream.IMAGE, side * side)
    c.no_effect(*_UNUSED, "rope_max_seq_len", "qk_norm", "eps")
    first = (
        patch_embedding(channels, hidden, (patch[1], patch[2]), image),
        *_embedder("time_proj", c.size("freq_dim"), hidden),
        product("modulation", hidden, 6 * hidden),
        *_embedder("text_proj", c.size("text_dim"), hidden, TOKENS),
    )
    outputs = c.size("out_channels", default=channels) * patch[1] * patch[2]
    layer = _crossing(s, image, 0, whole_norms=True, cross_norm=c.flag("cross_attn_norm", default=True))
    last = (free_vectors("final_scale_shift", 2, hidden, ONE_PER_SEQUENCE), *_last(s, image, outputs, modulated=False))
    blocks = (Block("embedding", first), Block("layer", layer, layer_numbers(s.layers)), Block("output", last))
    return _model(c, s, blocks, notes, _PROMPT)


IMPORTERS = {
    "FluxTransformer2DModel": _flux,
    "PixArtTransformer2DModel": _pixart,
    "SD3Transformer2DModel": _sd3,
    "WanTransformer3DModel": _wan,
}
