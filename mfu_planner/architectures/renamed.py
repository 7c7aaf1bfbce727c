"""Types that transformers builds with another type's classes, under a config of its own.

References
----------
.. [1] transformers' ``models/auto/modeling_auto.py`` and the modular file of each type (version 5.24).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.registry import importer_of

_LEGACY_MIXTURE = {"num_experts": "n_routed_experts", "num_shared_experts": "n_shared_experts"}


def _built_as(
    other: str, names: Mapping[str, str] | None = None, *, stated: tuple[str, ...] = (), ignored: tuple[str, ...] = ()
) -> Callable[[Config], Architecture]:
    """The importer of ``other``; ``names``: what published files call its fields.

    ``stated``: fields with a default of the type that its class takes where they are left out.  ``ignored``: those that
    the class drops.
    """

    def read(c: Config) -> Architecture:
        older = {name: value for name, value in c.data.items() if name in (names or {})}
        c.no_effect(*older)
        kept = {name: value for name, value in c.data.items() if name not in older and name not in ignored}
        c.data = {**{(names or {})[name]: value for name, value in older.items()}, **kept}
        c.data = {**{name: c.size(name) for name in stated if name not in c.data}, **c.data}
        return importer_of(other, c.origin)(c)

    return read


IMPORTERS = {
    "exaone": _built_as(
        "llama",
        {"num_layers": "num_hidden_layers", "activation_function": "hidden_act", "layer_norm_epsilon": "rms_norm_eps"},
    ),
    "iquestcoder": _built_as("llama", stated=("head_dim",)),
    "sarvam_mla": _built_as("deepseek_v3", _LEGACY_MIXTURE, ignored=("head_dim", "q_head_dim")),
    "sarvam_moe": _built_as("glm4_moe", {**_LEGACY_MIXTURE, "use_qkv_bias": "attention_bias"}),
}
