"""BEiT and data2vec for images: vision transformers with scaled branches and a table of distances.

References
----------
.. [1] Bao et al. 2021, arXiv:2106.08254 (BEiT); Baevski et al. 2022, arXiv:2202.03555 (data2vec).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, attention_of, pre_norm, without_gradients
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import norm, plain_mlp
from mfu_planner.architectures.swin import map_of
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, model_class, sample_model
from mfu_planner.architectures.vit import free_vectors, mask_vector, patch_embedding, patch_grid, tower_sizes
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, Elementwise, Rows, Stream

_KINDS = {
    "ForImageClassification": "classifier",
    "ForMaskedImageModeling": "visual words",
    "ForSemanticSegmentation": "segmentation",
    "Backbone": "feature maps",
    "Model": "no head",
}
_ONE = Rows(Stream.SEQUENCE)


def _distances(c: Config, heads: int) -> Operators:
    """A number for each distance on the map and for each of three kinds of pair with the class token."""
    (height, width), (tall, wide) = c.pair("image_size"), c.pair("patch_size")
    entries = (2 * (height // tall) - 1) * (2 * (width // wide) - 1) + 3
    return (free_vectors("relative_positions", entries, heads, _ONE),)


def _output(c: Config, kind: str, hidden: int, patches: Rows) -> Operators:
    pooled = c.flag("use_mean_pooling", default=True)
    if kind == "feature maps":
        return ()
    if kind == "visual words":
        inner = () if pooled else (norm("final_norm", hidden, bias=True, rows=patches),)
        words = head_linear("lm_head", hidden, c.size("vocab_size"), rows=patches)
        return (*inner, norm("head_norm", hidden, bias=True, rows=patches), words)
    last: Operators = (norm("final_norm", hidden, bias=True, rows=_ONE if pooled else patches),)
    return last + (classifier(c, hidden) if kind == "classifier" else ())


def _beit(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "classifier", notes)
    if kind == "segmentation":
        raise InputError(
            f"{c.origin}: architectures", model_class(c), "image classification, masked images or the bare model"
        )
    s = tower_sizes(c)
    down, across, patch = patch_grid(c)
    patches, rows = Rows(Stream.SEQUENCE, down * across), Rows(Stream.SEQUENCE, down * across + 1)
    c.no_effect(
        "hidden_act", "drop_path_rate", "pool_scales", "use_auxiliary_head", "auxiliary_loss_weight", "vocab_size",
        "auxiliary_channels", "auxiliary_num_convs", "auxiliary_concat_input", "semantic_loss_ignore_index", "add_fpn",
        "out_features", "out_indices", "stage_names", "reshape_hidden_states", "use_mean_pooling",
    )  # fmt: skip
    if kind == "feature maps" and c.raw("add_fpn"):
        raise InputError(f"{c.origin}: add_fpn", True, "false: a pyramid of maps is not known here")
    first: Operators = (
        patch_embedding(c.size("num_channels"), s.hidden, patch, patches),
        free_vectors("class_token", 1, s.hidden, rows),
    )
    if c.flag("use_mask_token", default=False):
        first += mask_vector(s.hidden, patches)
    own = c.pair("image_size")
    if c.flag("use_absolute_position_embeddings", default=False):
        entries = (own[0] // patch[0]) * (own[1] // patch[1]) + 1
        first += (free_vectors("position_embedding", entries, s.hidden, rows),)
    if c.flag("use_shared_relative_position_bias", default=False):
        first += _distances(c, s.heads)
    scaled = c.number("layer_scale_init_value", default=0.1) > 0

    def scale(name: str) -> Operators:
        return (Elementwise(name=name, width=s.hidden, weights=s.hidden, rows=rows),) if scaled else ()

    attention = (
        *(_distances(c, s.heads) if c.flag("use_relative_position_bias", default=False) else ()),
        *attention_of(s, ALL, bias=True, k_bias=False, rotary=False, rows=rows, unit_pairs=rows.factor * rows.factor),
        *scale("attention_scale"),
    )
    layer = pre_norm(s, attention, (*plain_mlp(s.hidden, s.ffn, rows=rows), *scale("mlp_scale")), bias=True, rows=rows)
    used = s.layers  # a backbone's layers behind its last map run and are not trained
    if kind == "feature maps":
        used = max((stage for stage in range(s.layers + 1) if map_of(c, stage, s.layers)), default=s.layers)
    behind = Block("layer without a map", without_gradients(layer), tuple(range(used, s.layers)), stack="vision")
    return sample_model(
        c,
        hidden=s.hidden,
        length=rows.factor,
        blocks=(
            Block("embedding", first, stack="vision"),
            Block("layer", layer, layer_numbers(used), stack="vision"),
            *((behind,) if used < s.layers else ()),
            Block("output", _output(c, kind, s.hidden, patches), stack="vision"),
        ),
        notes=notes,
    )


IMPORTERS = {"beit": _beit, "data2vec-vision": _beit}
