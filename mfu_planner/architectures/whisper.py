"""Whisper: an audio encoder over a fixed window and a text decoder.

``seq_len`` counts the decoder's tokens; the encoder always sees ``max_source_positions`` frames (30 s of sound).

References
----------
.. [1] Radford et al. 2022, arXiv:2212.04356.
"""

from __future__ import annotations

from mfu_planner.architectures.bart import decoder_alone, decoder_layer, tower_sizes
from mfu_planner.architectures.config import Config
from mfu_planner.architectures.layers import Operators
from mfu_planner.architectures.model import Architecture, Block, layer_numbers
from mfu_planner.architectures.parts import embedding, head, norm, positions
from mfu_planner.architectures.sound import sound_layer, whisper_stem
from mfu_planner.architectures.task_heads import classifier, head_kind, head_linear, sample_model
from mfu_planner.operators import TOKENS, Elementwise, Rows, Stream

_KINDS = {
    "ForConditionalGeneration": "the language model head",
    "ForAudioClassification": "audio classifier",
    "ForCausalLM": "decoder alone",
    "Model": "no head",
}


def _whisper(c: Config) -> Architecture:
    enc, dec = tower_sizes(c, "encoder"), tower_sizes(c, "decoder")
    hidden, vocab, frames = enc.hidden, enc.vocab, c.size("max_source_positions")
    mels = c.size("num_mel_bins")
    c.no_effect(
        "activation_function",
        "num_hidden_layers",
        "encoder_layerdrop",
        "decoder_layerdrop",
        "init_std",
        "scale_embedding",
        "use_weighted_layer_sum",
        "classifier_proj_size",
        "apply_spec_augment",
        "mask_time_prob",
        "mask_time_length",
        "mask_time_min_masks",
        "mask_feature_prob",
        "mask_feature_length",
        "mask_feature_min_masks",
        "median_filter_width",
        "alignment_heads",
        "lang_ids",
        "suppress_ids",
    )
    audio = Rows(Stream.SEQUENCE, frames)
    convolutions = whisper_stem(mels, hidden, Rows(Stream.SEQUENCE, 2 * frames), audio)
    encoder_layer = sound_layer(enc, audio)
    encoder = (
        Block(
            "audio embedding",
            (*convolutions, positions(frames, hidden, rows=audio, name="audio_position_embedding")),
            stack="audio",
        ),
        Block("encoder layer", encoder_layer, layer_numbers(enc.layers), stack="audio"),
        Block("encoder output", (norm("final_norm", hidden, bias=True, rows=audio),), stack="audio"),
    )
    notes: list[str] = []
    kind = head_kind(c, _KINDS, "the language model head", notes)
    if kind == "audio classifier":
        return _audio_classifier(c, encoder, hidden, audio)
    if kind == "decoder alone":
        last = c.size("max_target_positions")
        return decoder_alone(c, dec, last, before=True, notes=notes, embedding_norm=False, k_bias=False)
    first = (embedding(vocab, hidden), positions(c.size("max_target_positions"), hidden))
    tied = c.flag("tie_word_embeddings", default=True)
    return Architecture(
        name=c.model_type,
        hidden=hidden,
        vocab=vocab,
        encoder_decoder=True,
        blocks=(
            *encoder,
            Block("decoder embedding", first),
            Block(
                "decoder layer", decoder_layer(dec, TOKENS, audio, before=True, k_bias=False), layer_numbers(dec.layers)
            ),
            Block(
                "output",
                (norm("final_norm", hidden, bias=True), *(head(hidden, vocab, tied=tied) if kind != "no head" else ())),
            ),
        ),
        notes=(*notes, f"seq_len counts the decoder's tokens; the encoder sees {frames} audio frames"),
    )


def _audio_classifier(c: Config, encoder: tuple[Block, ...], hidden: int, audio: Rows) -> Architecture:
    """The encoder alone: a projection of every frame, their mean, a classifier."""
    width = c.size("classifier_proj_size", default=256)
    output: Operators = (head_linear("projector", hidden, width, rows=audio), *classifier(c, width))
    if c.flag("use_weighted_layer_sum", default=False):
        weights = c.size("num_hidden_layers", "encoder_layers") + 1
        output = (Elementwise(name="layer_weights", width=hidden, read=weights, weights=weights, rows=audio), *output)
    return sample_model(
        c, hidden=hidden, length=audio.factor, blocks=(*encoder, Block("output", output, stack="audio"))
    )


IMPORTERS = {"whisper": _whisper}
