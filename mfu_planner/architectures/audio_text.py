"""Models that hear: a decoder, an audio tower, and for omni models an image tower beside it.

Of a model that speaks, the part that reads and writes text (the thinker) is counted: it is what people train.

References
----------
.. [1] Chu et al. 2024, arXiv:2407.10759 (Qwen2-Audio); Liu et al. 2025, arXiv:2507.13264 (Voxtral).
.. [2] Xu et al. 2025, arXiv:2503.20215 (Qwen2.5-Omni); Qwen Team 2025, arXiv:2509.17765 (Qwen3-Omni).
.. [3] Goel et al. 2025, arXiv:2507.08128 (Audio Flamingo 3).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.defaults import defaults_of
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.multimodal import Tower, joined, text_part
from mfu_planner.architectures.qwen_vision import qwen2_5_vl_tower, qwen3_vl_tower
from mfu_planner.architectures.sound import aut_tower, block_tower, whole_clip_tower
from mfu_planner.architectures.towers import Blocks
from mfu_planner.errors import InputError

SoundTower = Callable[[Config, Config, int], Blocks]
"""(whole config, the tower's, the decoder's width) → the tower's blocks with its projector."""
_UNTIED = ("audioflamingo3", "qwen2_audio", "voxtral")
"""Types whose class has a head of its own, whatever the config says."""
_LEFT_OUT = ("talker_config", "token2wav_config", "code2wav_config")


def _sound(c: Config, tower: SoundTower, kind: str, hidden: int) -> Blocks:
    if not c.has("audio_config"):
        raise InputError(f"{c.origin}: audio_config", "nothing", "the audio tower's config")
    part = c.part("audio_config", defaults_of(kind))
    part.no_effect("model_type")
    return tower(c, part, hidden)


def _hears(tower: SoundTower, text: str, kind: str, *, tied_default: bool = False) -> Callable[[Config], Architecture]:
    def read(c: Config) -> Architecture:
        decoder = text_part(
            c, text, tied_default=tied_default, never_tied=c.model_type in _UNTIED, tied_by_whole=tied_default
        )
        c.no_effect("projector_hidden_act", "timestamp_token_id", "token_classification_bias", "hidden_size")
        return joined(c, decoder, _sound(c, tower, kind, decoder.hidden), [])

    return read


def _omni(image: Tower, sound: SoundTower, family: str) -> Callable[[Config], Architecture]:
    def read(c: Config) -> Architecture:
        whole, notes = c.model_type == family, list[str]()
        part = c.part("thinker_config", defaults_of(f"{family}_thinker")) if whole else c
        if whole:
            part.data = {"model_type": f"{family}_thinker", **part.data}
            c.no_effect(*_LEFT_OUT, "enable_audio_output", "enable_talker", "tie_word_embeddings")
            left = ", ".join(name for name in _LEFT_OUT if c.raw(name) is not None)
            if left:
                notes.append(f"{c.origin}: the thinker is counted; what speaks is left out: {left}")
        decoder = text_part(part, f"{family}_text")
        part.no_effect("position_id_per_seconds", "seconds_per_chunk", "user_token_id", "bos_token_id", "eos_token_id")
        vision = part.part("vision_config", defaults_of(f"{family}_vision_encoder"))
        vision.no_effect("model_type", "tokens_per_second", "spatial_patch_size")
        towers = (*image(vision, notes), *_sound(part, sound, f"{family}_audio_encoder", decoder.hidden))
        return replace(joined(part, decoder, towers, notes), name=c.model_type)

    return read


IMPORTERS = {
    "audioflamingo3": _hears(whole_clip_tower, "qwen2", "audioflamingo3_encoder"),
    "qwen2_5_omni": _omni(qwen2_5_vl_tower, block_tower, "qwen2_5_omni"),
    "qwen2_5_omni_thinker": _omni(qwen2_5_vl_tower, block_tower, "qwen2_5_omni"),
    "qwen2_audio": _hears(whole_clip_tower, "qwen2", "qwen2_audio_encoder"),
    "qwen3_asr": _hears(aut_tower, "qwen3", "qwen3_asr_encoder", tied_default=True),
    "qwen3_omni_moe": _omni(qwen3_vl_tower, aut_tower, "qwen3_omni_moe"),
    "qwen3_omni_moe_thinker": _omni(qwen3_vl_tower, aut_tower, "qwen3_omni_moe"),
    "voxtral": _hears(whole_clip_tower, "llama", "voxtral_encoder"),
}
