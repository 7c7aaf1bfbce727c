"""Time of the kernels that are no plain matrix product: attention, and what is bound by memory."""

from __future__ import annotations

from mfu_planner.numeric import Number, maximum


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
    .. math:: t = t_0 + \\frac{F (1 + s_r / s)}{\\phi P}

    References
    ----------
    .. [1] Dao 2023, *FlashAttention-2*, arXiv:2307.08691, figure 4 (rate against sequence length).
    """
    return fixed_s + pair_flops * (1.0 + ramp_tokens / seq_len) / (fraction * peak)


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
    .. math:: t = f \\frac{b\\, n}{B}

    The backward pass casts the gradients that reach the same products: as many elements again.

    References
    ----------
    .. [1] Micikevicius et al. 2022, *FP8 Formats for Deep Learning*, arXiv:2209.05433, section 3.
    """
    return memory_bound_time(each_bytes * elements, bandwidth, factor)


def issue_bound(device_s: Number, host_s: Number) -> Number:
    """Busy time of a stretch of kernels: the device's work or the host's issuing, whichever is slower [s].

    The host runs ahead of the device when kernels are long, so its time vanishes; it is a maximum, not a sum.
    """
    return maximum(device_s, host_s)
