"""wav2vec 2.0 and HuBERT: convolutions over the wave, a transformer over the frames that are left.

``seq_len`` counts samples of the wave: 16,000 a second, so 160,000 are ten seconds.

References
----------
.. [1] Baevski et al. 2020, arXiv:2006.11477 (wav2vec 2.0); Hsu et al. 2021, arXiv:2106.07447 (HuBERT).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators, Sizes, attention_of, post_norm, pre_norm
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import norm, plain_mlp
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, label_count
from mfu_planner.architectures.vit import free_vectors, tower_sizes
from mfu_planner.errors import InputError
from mfu_planner.operators import ALL, ONE_PER_SEQUENCE, Convolution, Elementwise, Norm, Role, Rows

_KINDS = {
    "ForCTC": "letters by CTC",
    "ForSequenceClassification": "sequence classifier",
    "ForAudioFrameClassification": "frame classifier",
    "ForPreTraining": "pre-training heads",
    "ForXVector": "speaker vectors",
    "Model": "no head",
}
_UNUSED = (
    "hidden_act",
    "feat_extract_activation",
    "feat_extract_dropout",
    "feat_proj_dropout",
    "final_dropout",
    "feat_quantizer_dropout",
    "num_feat_extract_layers",
    "ctc_loss_reduction",
    "ctc_zero_infinity",
    "apply_spec_augment",
    "mask_time_length",
    "mask_time_min_masks",
    "mask_feature_length",
    "mask_feature_min_masks",
    "mask_channel_length",
    "mask_channel_min_space",
    "mask_channel_other",
    "mask_channel_prob",
    "mask_channel_selection",
    "mask_time_min_space",
    "mask_time_other",
    "mask_time_selection",
    "num_codevectors_per_group",
    "num_codevector_groups",
    "codevector_dim",
    "contrastive_logits_temperature",
    "num_negatives",
    "proj_codevector_dim",
    "diversity_loss_weight",
    "tdnn_dim",
    "tdnn_kernel",
    "tdnn_dilation",
    "xvector_output_dim",
    "use_weighted_layer_sum",
    "classifier_proj_size",
    "output_hidden_size",
    "adapter_kernel_size",
    "adapter_stride",
    "num_adapter_layers",
    "adapter_attn_dim",
    "do_normalize",
    "freeze_feat_extract_train",
    "no_mask_channel_overlap",
    "no_mask_time_overlap",
    "feature_grad_mult",
    "tokenizer_class",
    "vocab_size",
)


def _waves(c: Config) -> tuple[Operators, Rows, int]:
    """The feature encoder's convolutions, the rows of its frames, their channels."""
    widths, kernels, strides = (c.sizes(name) for name in ("conv_dim", "conv_kernel", "conv_stride"))
    if not len(widths) == len(kernels) == len(strides):
        raise InputError(f"{c.origin}: conv_dim", widths, "as many widths, kernels and strides")
    kind, bias = c.text("feat_extract_norm", default="group"), c.flag("conv_bias", default=False)
    if kind not in ("group", "layer"):
        raise InputError(f"{c.origin}: feat_extract_norm", kind, "group or layer")
    found, inputs, rows = tuple[Convolution | Norm | Elementwise, ...](), 1, Rows()
    for place, (width, kernel, stride) in enumerate(zip(widths, kernels, strides, strict=True)):
        rows = Rows(thinned=(*rows.thinned, (kernel, stride)))
        found += (
            Convolution(
                name=f"wave_conv_{place + 1}",
                in_channels=inputs,
                out_channels=width,
                kernel=kernel,
                bias=bias,
                rows=rows,
            ),
        )
        if kind == "layer" or not place:
            found += (Norm(name=f"wave_norm_{place + 1}", width=width, bias=True, rows=rows),)
        found += (Elementwise(name=f"wave_activation_{place + 1}", width=width, kept=1, rows=rows),)
        inputs = width
    return found, rows, inputs


def _neighbours(c: Config, hidden: int, rows: Rows) -> Operators:
    """Positions by a grouped convolution whose weight is a direction and a length (weight norm)."""
    kernel, groups = c.size("num_conv_pos_embeddings"), c.size("num_conv_pos_embedding_groups")
    batch = c.flag("conv_pos_batch_norm", default=False)
    return (
        *((Norm(name="position_batch_norm", width=hidden, bias=True, rows=rows),) if batch else ()),
        Convolution(
            name="position_convolution",
            in_channels=hidden,
            out_channels=hidden,
            kernel=kernel,
            groups=groups,
            bias=True,
            rows=rows,
            extra_positions=1 - kernel % 2,
        ),
        Elementwise(name="position_activation", width=hidden, kept=1, weights=0 if batch else kernel, rows=rows),
    )


def _adapter(c: Config, hidden: int, rows: Rows) -> tuple[Operators, Rows, int]:
    """Convolutions with gates that thin the frames further, where the config adds them."""
    if not c.flag("add_adapter", default=False):
        return (), rows, hidden
    width, kernel = c.size("output_hidden_size", default=hidden), c.size("adapter_kernel_size", default=3)
    found: Operators = ()
    if width != hidden:
        found = (
            head_linear("adapter_proj", hidden, width, rows=rows),
            norm("adapter_norm", width, bias=True, rows=rows),
        )
    for place in range(c.size("num_adapter_layers", default=3)):
        rows = Rows(thinned=(*rows.thinned, (kernel - 2, c.size("adapter_stride", default=2))))
        found += (
            Convolution(
                name=f"adapter_conv_{place + 1}",
                in_channels=width,
                out_channels=2 * width,
                kernel=kernel,
                bias=True,
                rows=rows,
            ),
            Elementwise(name=f"adapter_gate_{place + 1}", width=width, read=2, kept=2, rows=rows),
        )
    return found, rows, width


def _layer(c: Config, s: Sizes, rows: Rows, *, stable: bool) -> Operators:
    attention = attention_of(s, ALL, bias=True, rotary=False, rows=rows)
    mlp = plain_mlp(s.hidden, s.ffn, rows=rows)
    inner = c.raw("adapter_attn_dim")
    if not stable:
        return post_norm(s, attention, mlp, bias=True, rows=rows)
    if inner is None:
        return pre_norm(s, attention, mlp, bias=True, rows=rows)
    inner = c.size("adapter_attn_dim")
    own = (
        norm("language_norm", s.hidden, bias=True, rows=rows),
        head_linear("language_down_proj", s.hidden, inner, rows=rows),
        head_linear("language_up_proj", inner, s.hidden, rows=rows),
    )
    return (*pre_norm(s, attention, mlp, bias=True, rows=rows), *own)


def _head(c: Config, kind: str, s: Sizes, width: int, rows: Rows) -> Operators:
    if kind == "no head":
        return ()
    if kind == "pre-training heads":
        return _codebook(c, width, rows)
    if kind == "letters by CTC":
        return (head_linear("lm_head", width, c.size("vocab_size"), rows=rows),)
    found: Operators = ()
    if c.flag("use_weighted_layer_sum", default=False):
        depth = s.layers + 1
        found = (Elementwise(name="layer_weights", width=s.hidden, read=depth, weights=depth, rows=rows),)
    if kind == "speaker vectors":
        return (*found, *_speaker(c, s.hidden, rows))
    if kind == "frame classifier":
        return (*found, *classifier(c, s.hidden, rows=rows))
    inner = c.size("classifier_proj_size", default=256)
    return (*found, head_linear("projector", s.hidden, inner, rows=rows), *classifier(c, inner, rows=ONE_PER_SEQUENCE))


def _codebook(c: Config, width: int, rows: Rows) -> Operators:
    """A code for each frame of the wave, chosen from several books, and a projection of both sides to compare."""
    groups, codes, wide = c.size("num_codevector_groups"), c.size("num_codevectors_per_group"), c.size("codevector_dim")
    inputs, shared = c.sizes("conv_dim")[-1], c.size("proj_codevector_dim")
    chosen = groups * codes
    return (
        head_linear("code_choice", inputs, chosen, rows=rows),
        Elementwise(name="codes", width=chosen, kept=1, weights=codes * wide, rows=rows),
        head_linear("code_proj", wide, shared, rows=rows),
        head_linear("frame_proj", width, shared, rows=rows),
    )


def _speaker(c: Config, hidden: int, rows: Rows) -> Operators:
    """Convolutions with holes over the frames, their mean and spread as one vector, two layers; a loss of its own."""
    widths, kernels, holes = (c.sizes(f"tdnn_{name}") for name in ("dim", "kernel", "dilation"))
    if not len(widths) == len(kernels) == len(holes):
        raise InputError(f"{c.origin}: tdnn_dim", widths, "as many widths, kernels and dilations")
    found: Operators = (head_linear("projector", hidden, widths[0], rows=rows),)
    for place, (inner, outer, kernel, hole) in enumerate(
        zip((widths[0], *widths), widths, kernels, holes, strict=False), start=1
    ):
        rows = Rows(rows.stream, rows.factor, thinned=(*rows.thinned, (hole * (kernel - 1) + 1, 1)))
        found += (
            Convolution(
                name=f"tdnn_{place}", in_channels=inner, out_channels=outer, kernel=kernel, bias=True, rows=rows,
                role=Role.HEAD,
            ),
        )  # fmt: skip
    vector = c.size("xvector_output_dim")
    return (
        *found,
        head_linear("speaker_vector", 2 * widths[-1], vector),
        head_linear("classifier", vector, vector),
        Elementwise(name="speaker_loss", width=0, weights=vector * label_count(c), role=Role.HEAD),
    )


def _speech(c: Config) -> Architecture:
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "letters by CTC", notes)
    s, stable = tower_sizes(c), c.flag("do_stable_layer_norm", default=False)
    c.no_effect(*_UNUSED)
    waves, rows, channels = _waves(c)
    masked = max(c.number(name, default=0) for name in ("mask_time_prob", "mask_feature_prob")) > 0
    project = c.flag("feat_proj_layer_norm", default=True)
    first = (
        *waves,
        *((norm("feature_norm", channels, bias=True, rows=rows),) if project else ()),
        head_linear("feature_projection", channels, s.hidden, rows=rows),
        *((free_vectors("mask_vector", 1, s.hidden, rows),) if masked else ()),
        *_neighbours(c, s.hidden, rows),
        *(() if stable else (norm("encoder_norm", s.hidden, bias=True, rows=rows),)),
    )
    adapter, thinner, width = _adapter(c, s.hidden, rows)
    last = (norm("encoder_norm", s.hidden, bias=True, rows=rows),) if stable else ()
    whole = thinner if kind == "letters by CTC" else rows
    return Architecture(
        name=c.model_type,
        hidden=s.hidden,
        vocab=c.size("vocab_size", default=1),
        blocks=(
            Block("audio embedding", first, stack="audio"),
            Block("audio layer", _layer(c, s, rows, stable=stable), layer_numbers(s.layers), stack="audio"),
            Block("output", (*last, *adapter, *_head(c, kind, s, width, whole)), stack="audio"),
        ),
        notes=(*notes, "seq_len counts samples of the wave: 16,000 a second"),
    )


IMPORTERS = {"hubert": _speech, "wav2vec2": _speech}
