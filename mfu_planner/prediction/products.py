"""Time of one matrix product on one device."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, ceil, maximum

if TYPE_CHECKING:
    from mfu_planner.layout.constants import ProductRate


def product_time(m: Number, n: Number, k: Number, rate: ProductRate, groups: Number = 1.0) -> Number:
    """Seconds of an ``m × k`` by ``k × n`` matrix product: whole tiles in waves, against the bytes it must move.

    Parameters
    ----------
    m, n, k : float or array
        Rows, columns and inner length [elements]; all must be positive.
    rate : ProductRate
        The device's constants.
    groups : float or array
        Products of this shape in one launch (heads of a batch, experts of a device).

    Notes
    -----
    Valid for m, n, k ≥ 512; below that the fixed cost dominates and the error grows (see
    ``calibration/products.yaml``).

    .. math::
        w = \\lceil m/T_m\\rceil \\lceil n/T_n\\rceil / U, \\quad
        t = t_0 + \\max\\left(\\frac{2 U T_m T_n (w + q(\\lceil w\\rceil - w)) (k + k_0)}{e P},
        \\frac{b (m k + k n) + b_o m n}{B}\\right)

    References
    ----------
    .. [1] NVIDIA, *Matrix Multiplication Background User's Guide*: tile and wave quantization.
    """
    waves = groups * ceil(m / rate.tile_rows) * ceil(n / rate.tile_columns) / rate.units
    used = waves + rate.wave_loss * (ceil(waves) - waves)
    flops = 2.0 * used * (rate.units * rate.tile_rows * rate.tile_columns) * (k + rate.depth_overhead)
    moved = groups * (rate.input_bytes * (m * k + k * n) + rate.output_bytes * m * n)
    return rate.fixed_s + maximum(flops / (rate.efficiency * rate.peak_flops_per_s), moved / rate.bandwidth_bytes_per_s)
