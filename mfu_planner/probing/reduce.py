"""From timings to the few figures of a machine file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from mfu_planner.machine.constants import ProductRate
from mfu_planner.probing.layer import DecoderSizes
from mfu_planner.probing.points import HEAD, ProbePoint
from mfu_planner.step.kernels import product_time

if TYPE_CHECKING:
    from mfu_planner.fitting.steps import Floats

Timed = Mapping[str, tuple[ProbePoint, float]]
"""ProbePoint's name → the point and its seconds."""
_STARTS = (0.0, 5e-7, 1e-6, 2e-6, 3e-6, 5e-6, 8e-6, 1.2e-5)
_DEPTHS = (0.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0)
_TILES = ((128, 128), (256, 128), (256, 256))
_LOSSES = (0.0, 0.07, 0.15, 0.3)
_RAMPS = (0.0, 12.0, 25.0, 50.0, 100.0, 200.0, 400.0, 800.0, 1600.0)
_PADS = 0.7
"""Narrow heads below this share of the wide ones' rate are computed as wide ones."""
_LEAST = 1e-9
"""No time is shorter [s]: what is left of two timings may be nothing."""


def chosen(timed: Timed, group: str) -> list[tuple[ProbePoint, float]]:
    """The points of a group."""
    return [each for each in timed.values() if each[0].group == group]


def bandwidths(timed: Timed) -> dict[str, float]:
    """Bytes per second of streaming, of new memory, in cache."""
    return {p.name.removeprefix("memory "): p.sizes["bytes"] / s for p, s in chosen(timed, "memory")}


def products(timed: Timed, dtype: str, units: int, stream: float, element_bytes: float) -> dict[str, Any]:
    """The constants of :func:`mfu_planner.step.kernels.product_time` that suit the measured shapes best."""
    found = chosen(timed, f"product {dtype}")
    m, n, k = (np.array([p.sizes[name] for p, _ in found]) for name in "mnk")
    seconds = np.array([s for _, s in found])
    shapes = product(_TILES, _LOSSES) if units > 1 else [((1, 1), 0.0)]
    best: tuple[float, dict[str, Any]] | None = None
    for (tile, loss), depth, start in product(shapes, _DEPTHS, _STARTS):
        if start >= seconds.min():
            continue
        rate = ProductRate(
            peak_flops_per_s=1.0, efficiency=1.0, depth_overhead=depth, fixed_s=0.0, wave_loss=loss,
            tile_rows=tile[0], tile_columns=tile[1], units=units, bandwidth_bytes_per_s=np.inf,
            input_bytes=element_bytes, output_bytes=element_bytes,
        )  # fmt: skip
        work = product_time(m, n, k, rate)
        reached = float(np.median(work / (seconds - start)))
        moved = element_bytes * (m * k + k * n + m * n) / stream
        off = np.abs((start + np.maximum(work / reached, moved)) / seconds - 1.0)
        worth = float(np.median(off) + 0.2 * np.mean(off))
        if best is None or worth < best[0]:
            held = {"rate": reached, "start": start, "depth_overhead": depth, "wave_loss": loss, "tile": list(tile)}
            best = worth, {**held, "units": units, "error": error(off)}
    assert best is not None
    return {**best[1], "best": max(float(np.max(2 * m * n * k / seconds)), best[1]["rate"])}


def attention(timed: Timed, dtype: str) -> dict[str, Any]:
    """Rate, ramp and backward of fused attention; None of it where it was not timed."""
    found = chosen(timed, f"attention {dtype}")

    def of(head: float, both: float) -> tuple[Floats, Floats, Floats]:
        rows = [(p.sizes["seq"], p.sizes["flops"], s) for p, s in found
                if (p.sizes["head"], p.sizes["both"]) == (head, both)]  # fmt: skip
        length, flops, seconds = np.array(sorted(rows)).T
        return length, flops, seconds

    length, flops, forward = of(HEAD, 0.0)
    _, _, both = of(HEAD, 1.0)
    narrow_length, narrow_flops, narrow = of(min(p.sizes["head"] for p, _ in found), 0.0)
    best: tuple[float, float, float, Floats] | None = None
    for ramp in _RAMPS:
        work = flops * (1 + ramp / length)
        rate = float(np.median(work / forward))
        off = np.abs(work / rate / forward - 1.0)
        if best is None or off.mean() < best[0]:
            best = float(off.mean()), ramp, rate, off
    assert best is not None
    _, ramp, rate, off = best
    expected = narrow_flops * (1 + ramp / narrow_length) / narrow
    pads = float(np.median(expected)) < _PADS * rate
    back = float(np.median(np.maximum(both - forward, _LEAST) / forward))
    return {"rate": rate, "ramp": ramp, "backward": back, "head_multiple": HEAD if pads else 1, "error": error(off)}


def passes(timed: Timed, stream: float) -> dict[str, float]:
    """Time of a layer's elementwise operators over their bytes ÷ bandwidth; of the backward pass; of the loss."""
    found: dict[tuple[float, float], dict[float, float]] = {}
    for point, seconds in chosen(timed, "passes"):
        key = point.sizes["tokens"], point.sizes["hidden"]
        found.setdefault(key, {})[point.sizes["both"]] = seconds
    factors = [each[0.0] * stream / (4.0 * moved(*key)) for key, each in found.items()]
    backs = [max(each[1.0] - each[0.0], _LEAST) / each[0.0] for each in found.values()]
    ((loss, seconds),) = chosen(timed, "loss")
    return {
        "factor": float(np.exp(np.mean(np.log(factors)))),
        "backward": float(np.exp(np.mean(np.log(backs)))),
        "loss": seconds / loss.sizes["logits"] * stream,
    }


def moved(tokens: float, hidden: float) -> float:
    """Elements that a layer's elementwise operators read and write, as every prediction counts them."""
    from mfu_planner.operators import Layout, Workload
    from mfu_planner.questions.model import choose_model
    from mfu_planner.step.case import division_of

    width = int(hidden)
    config = DecoderSizes(width, 1, width // HEAD, 3 * width, 8).config()
    architecture = choose_model(config=config).architecture
    assert architecture is not None
    work = Workload(seq_len=int(tokens))
    (layer,) = division_of(architecture).body
    return float(sum(op.moved(work) for op in layer.pieces(Layout())))


def issue(timed: Timed) -> dict[str, float]:
    """Seconds of an operator, of a layer's forward and backward, of the once-a-step part that has no work."""
    seconds = {p.name: s for p, s in chosen(timed, "issue")}
    forward, both = seconds["issue layer False"], seconds["issue layer True"]
    return {
        "operator": seconds["issue operator"],
        "layer_forward": forward,
        "layer_backward": max(both - forward, _LEAST),
        "step": seconds["issue step"],
    }


def once(timed: Timed) -> dict[str, float]:
    """Seconds per parameter of the update, of clipping, of adding gradients up."""
    return {p.name.removeprefix("optimizer "): s / p.sizes["parameters"] for p, s in chosen(timed, "optimizer")}


def error(off: Floats) -> dict[str, float]:
    """How far a formula is from its points."""
    return {"median": float(np.median(off)), "p90": float(np.quantile(off, 0.9)), "points": len(off)}
