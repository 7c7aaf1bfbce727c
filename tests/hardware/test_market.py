"""Site energy, implied peaks, achievable rates."""

from __future__ import annotations

import json

import pytest

from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.hardware import achievable, implied_peak, resolve
from mfu_planner.hardware._records import usd_per_exaflop
from mfu_planner.hardware.energy import carbon_intensity, pue, typical_pue


def test_energy_figures() -> None:
    """PUE of at least 1 with its basis; France is cleaner than Poland; unknown names are errors."""
    assert 1 <= typical_pue().value <= pue("industry-2024").value
    assert carbon_intensity("France").value < carbon_intensity("poland").value
    assert carbon_intensity("United States").source.startswith("https://")
    with pytest.raises(InputError, match="country"):
        carbon_intensity("Atlantis")
    with pytest.raises(InputError, match="pue"):
        pue("best")


@pytest.mark.parametrize(
    ("rate", "mfu", "identifier", "dtype", "sparse"),
    [
        (124.8e12, 0.4, "a100-sxm-80gb", "bf16", False),
        (400e12, 0.4043, "h100-sxm", "bf16", False),
        (400e12, 0.2021, "h100-sxm", "bf16", True),
        (661e12, 0.5056, "mi300x", "bf16", False),
        (91.8e12, 0.2, "tpu-v5p", "bf16", False),
        (12.5e12, 0.1, "v100-sxm-16gb", "fp16", False),
    ],
)
def test_implied_peak_names_the_denominator(rate: float, mfu: float, identifier: str, dtype: str, sparse: bool) -> None:
    """A rate and an MFU made from a known peak lead back to it, among the first."""
    first = implied_peak(rate, mfu)[:6]

    assert (identifier, dtype, sparse) in [(m.accelerator_id, m.dtype, m.sparse) for m in first]
    assert first == tuple(sorted(first, key=lambda m: abs(m.error) // 0.004))


def test_implied_peak_sees_a_whole_package() -> None:
    """383 TFLOP/s is an MI250X package, two devices."""
    match = next(m for m in implied_peak(191.5e12, 0.5) if m.accelerator_id == "mi250x" and m.dtype == "bf16")

    assert match.packages == 2


def test_implied_peak_of_nothing_known_is_empty() -> None:
    """No device has this peak; senseless input is refused."""
    assert implied_peak(1.0, 0.5) == ()
    for bad in ((0.0, 0.4), (1e14, 0.0), (float("nan"), 0.4)):
        with pytest.raises(InputError):
            implied_peak(*bad)


def test_achievable_rates_are_below_the_peak_and_sourced() -> None:
    """What was measured is above 40% and below the published peak, and cites its table."""
    rows = json.loads((folder("hardware_specs") / "achievable.json").read_text())
    assert len(rows) >= 25
    for row in rows:
        peak = resolve(row["accelerator"]).peak_flops_per_s(row["dtype"])
        assert 0.4 < row["flops_per_s"] / peak <= 1
        assert row["source"]["kind"] == "measured"
    best = achievable("h100-sxm", "bfloat16")
    assert best is not None
    assert best.flops_per_s == max(
        r["flops_per_s"] for r in rows if (r["accelerator"], r["dtype"]) == ("h100-sxm", "bf16")
    )
    assert achievable("wse-2", "fp16") is None


def test_cost_of_an_exaflop_by_hand() -> None:
    """$3/h at 1 PFLOP/s and 50%: 3600 s make 1800 PFLOP... so 1.8 EFLOP cost $3."""
    assert usd_per_exaflop(3, 1e15, 0.5) == pytest.approx(3 / 1.8)
