"""Pure state-space decoders: Mamba, Falcon Mamba and Mamba-2 (also Codestral Mamba).

References
----------
.. [1] Gu and Dao 2023, arXiv:2312.00752 (Mamba).
.. [2] Dao and Gu 2024, arXiv:2405.21060 (Mamba-2).
.. [3] Zuo et al. 2024, arXiv:2410.05355 (Falcon Mamba: norms without weights on step size, B and C).
"""

from __future__ import annotations

from mfu_planner.architectures.config import Config
from mfu_planner.architectures.decoder import causal_decoder, layer_blocks
from mfu_planner.architectures.mixers import expanded, mamba2_mixer, mamba_mixer, state_space, step_rank
from mfu_planner.architectures.model import Architecture
from mfu_planner.architectures.parts import norm, residual
from mfu_planner.errors import InputError
from mfu_planner.operators import Operator

_NO_EFFECT = (
    "hidden_act",
    "rescale_prenorm_residual",
    "residual_in_fp32",
    "rms_norm",
    "time_step_floor",
    "time_step_init_scheme",
    "time_step_limit",
    "time_step_max",
    "time_step_min",
    "time_step_scale",
    "use_mambapy",
    "use_associative_scan",
    "norm_before_gate",
    "use_falcon_mambapy",
    "mixer_rms_eps",
)


def _inner(c: Config, hidden: int) -> int:
    """``expand`` × hidden, which a stated ``intermediate_size`` must equal."""
    inner = expanded(c, hidden, "expand")
    if c.has("intermediate_size") and c.size("intermediate_size") != inner:
        raise InputError(
            f"{c.origin}: intermediate_size", c.data["intermediate_size"], f"expand × hidden_size = {inner}"
        )
    return inner


def _decoder(c: Config, hidden: int, mixer: tuple[Operator, ...], *, tied: bool) -> Architecture:
    c.no_effect(*_NO_EFFECT)
    layer = (norm("input_norm", hidden), *mixer, residual("mixer_residual", hidden))
    layers = layer_blocks(["mamba"] * c.size("num_hidden_layers", "n_layer"), {"mamba": layer})
    return causal_decoder(c, hidden, layers, tied_default=tied)


def _mamba(c: Config) -> Architecture:
    hidden = c.size("hidden_size", "d_model")
    mixer = mamba_mixer(
        hidden,
        _inner(c, hidden),
        state=c.size("state_size"),
        rank=step_rank(c, hidden, "time_step_rank"),
        kernel=c.size("conv_kernel"),
        proj_bias=c.flag("use_bias", default=False),
        conv_bias=c.flag("use_conv_bias", default=True),
    )
    return _decoder(c, hidden, mixer, tied=True)


def _mamba2(c: Config) -> Architecture:
    hidden = c.size("hidden_size")
    inner = _inner(c, hidden)
    c.no_effect("time_step_rank")
    sizes = state_space(
        c,
        heads=c.size("num_heads"),
        head_dim=c.size("head_dim"),
        groups=c.size("n_groups"),
        state=c.size("state_size"),
        kernel=c.size("conv_kernel"),
        chunk=c.size("chunk_size"),
    )
    if sizes.inner != inner:
        raise InputError(
            f"{c.origin}: num_heads × head_dim", f"{sizes.heads} × {sizes.head_dim}", f"expand × hidden_size = {inner}"
        )
    mixer = mamba2_mixer(
        hidden, sizes, proj_bias=c.flag("use_bias", default=False), conv_bias=c.flag("use_conv_bias", default=True)
    )
    return _decoder(c, hidden, mixer, tied=False)


IMPORTERS = {"mamba": _mamba, "falcon_mamba": _mamba, "mamba2": _mamba2}
