"""Time of one kernel on one device: a matrix product, attention, what is bound by memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mfu_planner.numeric import Number, ceil, maximum, minimum, where
from mfu_planner.numeric.letters import named
from mfu_planner.step import names

if TYPE_CHECKING:
    from mfu_planner.machine.constants import ProductRate


def fused_attention_time(
    pair_flops: Number, seq_len: Number, peak: float, fraction: float, ramp_tokens: float, fixed_s: float
) -> Number:
    """Seconds of a fused (flash) attention kernel.

    Parameters
    ----------
    pair_flops : float or array
        FLOPs over the pairs that the mask allows [FLOP].
    seq_len : float or array
        Keys per query at most [token]: short sequences do not fill the pipeline.
    peak : float
        16-bit peak of the device [FLOP/s].
    fraction : float
        Share of the peak reached at long sequences; belongs to a device and a software era.
    ramp_tokens : float
        Sequence length at which half of that share is reached [token].

    Notes
    -----
    .. math:: t = t_0 + F*(1 + s_r/s)/(phi*P)

    References
    ----------
    .. [1] Dao 2023, *FlashAttention-2*, arXiv:2307.08691, figure 4 (rate against sequence length).
    """
    time = fixed_s + pair_flops * (1.0 + ramp_tokens / seq_len) / (fraction * peak)
    return named(names.ATTENTION, time, pair_flops, seq_len)


def memory_bound_time(moved_bytes: Number, bandwidth: float, factor: Number) -> Number:
    """Seconds to move ``moved_bytes`` [byte] at the device's bandwidth [byte/s], ``factor`` times slower than ideal."""
    return factor * moved_bytes / bandwidth


def cast_time(elements: Number, each_bytes: float, bandwidth: float, factor: float) -> Number:
    """Seconds to cast the inputs of one pass's products to a narrow number format.

    Parameters
    ----------
    elements : float or array
        Inputs of the layer's products on the device; weights are cast once a step and left out.
    each_bytes : float
        Bytes moved per element: 16 bits read, the narrow copy and its transpose written [byte].
    bandwidth : float
        Memory bandwidth [byte/s].
    factor : float
        How much slower than that the stack casts (scales and maxima are found on the way).

    Notes
    -----
    .. math:: t = f*b*n/B

    The backward pass casts the gradients that reach the same products: as many elements again.

    References
    ----------
    .. [1] Micikevicius et al. 2022, *FP8 Formats for Deep Learning*, arXiv:2209.05433, section 3.
    """
    return memory_bound_time(each_bytes * elements, bandwidth, factor)


def issue_bound(device_s: Number, host_s: Number, issues_itself: bool = False) -> Number:
    """Busy time of a stretch of kernels: the device's work or the host's issuing, whichever is slower [s].

    The host runs ahead of the device when kernels are long, so its time vanishes; it is a maximum, not a sum, unless
    the device itself does the issuing.
    """
    return device_s + host_s if issues_itself else maximum(device_s, host_s)


def product_time(
    m: Number, n: Number, k: Number, rate: ProductRate, groups: Number = 1.0, read: Number = None
) -> Number:
    """Seconds of an ``m × k`` by ``k × n`` matrix product: whole tiles in waves, against the bytes it must move.

    Parameters
    ----------
    m, n, k : float or array
        Rows, columns and inner length [elements]; all must be positive.
    rate : ProductRate
        The device's constants.
    groups : float or array
        Products of this shape in one launch (heads of a batch, experts of a device).
    read : float or array
        Elements of the inputs where they are not ``groups (m k + k n)``: windows of a convolution overlap.

    Notes
    -----
    Fitted on m, n, k ≥ 512 (see ``calibration/products.yaml``); below a tile's side the library takes a smaller tile,
    down to ``g`` = ``least_tile``.

    .. math::
        u = Min(1, g*ceiling(m/g)/T_m);
        v = Min(1, g*ceiling(n/g)/T_n);
        w = u*v*ceiling(m/T_m)*ceiling(n/T_n)/U;
        t = t_0 + Max(2*U*T_m*T_n*(w + q*(ceiling(w) - w))*(k + k_0)/(e*P), (b*(m*k + k*n) + b_o*m*n)/B)

    References
    ----------
    .. [1] NVIDIA, *Matrix Multiplication Background User's Guide*: tile and wave quantization.
    """
    rows, columns = _tiles(m, rate.tile_rows, rate.least_tile), _tiles(n, rate.tile_columns, rate.least_tile)
    waves = groups * rows * columns / rate.units
    used = waves + rate.wave_loss * (ceil(waves) - waves)
    flops = 2.0 * used * (rate.units * rate.tile_rows * rate.tile_columns) * (k + rate.depth_overhead)
    inputs = groups * (m * k + k * n) if read is None else read
    moved = rate.input_bytes * inputs + rate.output_bytes * groups * m * n
    busy = maximum(flops / (rate.efficiency * rate.peak_flops_per_s), moved / rate.bandwidth_bytes_per_s)
    sizes = (m, n, k, groups) if read is None else (m, n, k, groups, read)
    return named(names.PRODUCT, rate.fixed_s + busy, *sizes, rate.efficiency)


def _tiles(size: Number, tile: int, least: int) -> Number:
    """Tiles along one side: whole ones, or for less than one as many of the smallest step as the side fills."""
    if least == 0:
        return ceil(size / tile)
    return ceil(size / tile) * minimum(1.0, least * ceil(size / least) / tile)


def misaligned_slowdown(outputs: Number, inputs: Number, factor: float, alignment: float) -> Number:
    """``factor`` where a weight matrix's sizes on one device are no multiples of ``alignment`` elements, else 1.

    References
    ----------
    .. [1] NVIDIA, *Matrix Multiplication Background User's Guide*, section "Tensor Core requirements".
    """
    if isinstance(factor, float) and factor == 1.0:
        return 1.0
    return where((outputs % alignment != 0) | (inputs % alignment != 0), factor, 1.0)


def padded_head(size: Number, multiple: float) -> Number:
    """Head size that a fused kernel computes with: the next multiple."""
    return multiple * ceil(size / multiple)
