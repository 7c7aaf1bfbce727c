"""What the relations say of published steps and logs, by hand; sums, arrays, and the old names."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module

import numpy as np
import pytest

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.run import QUANTITIES, RELATIONS, SUMS, contradictions, solve
from mfu_planner.run.limits import close, refuse_contradiction


def test_a_step_of_llama_405b() -> None:
    """Dubey et al. 2024, arXiv:2407.21783, table 4: 16,384 H100, 16M tokens a step, 400 TFLOP/s each."""
    work = 6 * 405e9
    step = {"tokens_per_step": 16e6, "devices": 16384, "flops_per_token": work, "peak_flops_per_s": 989e12}
    found = solve({**step, "achieved_flops_per_s_per_device": 400e12})
    assert found["mfu"] == pytest.approx(400 / 989)
    assert found["step_time_s"] == pytest.approx(work * 16e6 / (16384 * 400e12))
    assert solve({**step, "step_time_s": found["step_time_s"]})["mfu"] == pytest.approx(400 / 989)


def test_steps_of_a_run() -> None:
    """15.6T tokens in batches of 16M are 975,000 steps."""
    assert solve({"tokens": 15.6e12, "tokens_per_step": 16e6})["optimizer_steps"] == pytest.approx(975_000)


def test_recomputation_makes_four_thirds() -> None:
    """One forward pass done again beside one forward and two back: HFU is 4/3 of MFU."""
    found = solve({"mfu": 0.45, "executed_share": 4 / 3, "flops_per_token": 6e9, "peak_flops_per_s": 312e12})
    assert found["hfu"] == pytest.approx(0.6)
    assert found["executed_flops_per_token"] == pytest.approx(8e9)
    assert found["hardware_flops_per_s_per_device"] == pytest.approx(187.2e12)
    assert solve({"mfu": 0.45, "hfu": 0.6})["executed_share"] == pytest.approx(4 / 3)


def test_what_remains_is_a_difference() -> None:
    """1T of 1.5T tokens done, 1M tokens/s on 256 devices at 2 USD an hour: half a million seconds."""
    given = {"tokens": 1.5e12, "tokens_done": 1e12, "tokens_per_s": 1e6, "devices": 256}
    found = solve({**given, "price_usd_per_device_s": 2 / 3600}, ["remaining_s", "remaining_cost_usd"])
    assert found["remaining_s"] == pytest.approx(500_000)
    assert found["remaining_cost_usd"] == pytest.approx(500_000 / 3600 * 256 * 2)
    assert "training_time_s" not in found
    assert solve({"tokens_done": 3.0, "remaining_tokens": 4.0, "devices": 2})["tokens"] == 7.0
    assert solve({"tokens": 9.0, "remaining_tokens": 4.0})["tokens_done"] == 5.0


def test_sums_can_contradict() -> None:
    """A whole that its parts miss by more than a millionth is told with how far it is."""
    parts = {"tokens_done": 40.0, "remaining_tokens": 61.0}
    assert not contradictions({**parts, "tokens": 101.0})
    (found,) = contradictions({**parts, "tokens": 100.0})
    assert (found.names, found.off_by) == (("tokens", "tokens_done", "remaining_tokens"), pytest.approx(0.01))


@pytest.mark.parametrize(("off", "refused"), [(0.9e-6, 0), (1.2e-6, 1), (-1.2e-6, 1)])
def test_a_millionth_is_the_limit(off: float, refused: int) -> None:
    """What disagrees by more than 1e-6 contradicts, whichever way."""
    given = {"mfu": 0.4 * (1 + off), "peak_flops_per_s": 1e15, "achieved_flops_per_s_per_device": 0.4e15}
    assert len(contradictions(given)) == refused


def test_arrays_are_solved_like_numbers() -> None:
    """Each element of an array is what the number would be; shapes broadcast."""
    given = {"flops_per_token": 5e10, "tokens": 1e12, "peak_flops_per_s": 1e15, "goodput": 0.9}
    devices, mfu = np.array([[8.0], [64.0]]), np.array([0.3, 0.4, 0.5])
    whole = solve({**given, "devices": devices, "mfu": mfu}, ["training_time_s"])["training_time_s"]
    assert (whole.shape, whole.dtype) == ((2, 3), np.float64)
    for row, n in enumerate((8.0, 64.0)):
        for column, u in enumerate((0.3, 0.4, 0.5)):
            assert whole[row, column] == solve({**given, "devices": n, "mfu": u})["training_time_s"]


def test_beyond_any_float_is_infinite() -> None:
    """A division by zero, or a product beyond 1e308, is infinite and not an error."""
    assert solve({"tokens": 1e12, "tokens_per_s": 0.0})["productive_time_s"] == float("inf")
    assert solve({"flops_per_token": 1e200, "tokens": 1e200})["total_flops"] == float("inf")


def test_every_relation_is_of_known_quantities() -> None:
    """Names in relations and sums are quantities, and every quantity stands in one."""
    used = {n for r in RELATIONS for n in (r.left, *r.right)} | {n for s in SUMS for n in (s.whole, *s.parts)}
    assert used == set(QUANTITIES)


@pytest.mark.parametrize(
    ("old", "name", "new"),
    [
        ("equations", "solve", "run"),
        ("equations.solve", "closed_forms", "run.solve"),
        ("scaling", "compute_optimal_tokens", "run.scaling"),
        ("planning", "plan", "answers.plan"),
        ("sweeps", "sweep", "answers.sweep"),
    ],
)
def test_old_names_still_work(old: str, name: str, new: str) -> None:
    """What the documentation imported before is the same object, with a warning that says where it is now."""
    sys.modules.pop(f"mfu_planner.{old}", None)
    with pytest.warns(DeprecationWarning, match="mfu_planner") as told:  # a part's parent may speak, too
        module = import_module(f"mfu_planner.{old}")
    assert any(f"mfu_planner.{new} now" in str(one.message) for one in told)
    assert getattr(module, name) is getattr(import_module(f"mfu_planner.{new}"), name)


def test_solving_needs_no_library() -> None:
    """A meter in a training loop imports neither pydantic, numpy nor sympy for its relations."""
    code = (
        "import sys; from mfu_planner.run import solve; solve({'mfu': 0.4, 'peak_flops_per_s': 1.0});"
        "print([m for m in ('pydantic', 'numpy', 'sympy') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_what_is_said_of_a_contradiction() -> None:
    """The odd one, all that it disagrees with, and how far: in percent up to a factor of two."""
    known = {"flops_per_token": 1e9, "peak_flops_per_s": 1e15, "devices": 2.0, "tokens_per_s": 1e6}
    with pytest.raises(InputError) as told:
        refuse_contradiction({**known, "mfu": 1.0, "tokens_per_s_per_device": 5e5})
    assert told.value.field == "mfu"
    assert "--tokens-per-second-per-device 500,000 tokens/s per device it is 50%, 100.00% apart" in str(told.value)
    with pytest.raises(InputError, match=r"per-device 600,000 tokens/s per device, --devices 2 .*, 16\.67% apart"):
        refuse_contradiction({"devices": 2.0, "tokens_per_s": 1e6, "tokens_per_s_per_device": 6e5})
    with pytest.raises(InputError, match=r"it is 50%, 50\.00% apart"):
        refuse_contradiction({**known, "mfu": 0.25})
    with pytest.raises(InputError, match=r"a factor of 0\.48 apart"):
        refuse_contradiction({**known, "mfu": 0.24})
    with pytest.raises(InputError, match=r"a factor of 2\.2 apart"):
        refuse_contradiction({"devices": 2.0, "tokens_per_s": 2.2e6, "tokens_per_s_per_device": 5e5})
    # exactly half and exactly twice are still told in percent
    for rate, apart in ((1.0, "50.00%"), (4.0, "100.00%")):
        with pytest.raises(InputError, match=f"{apart} apart"):
            refuse_contradiction({"devices": 2.0, "tokens_per_s": rate, "tokens_per_s_per_device": 1.0})


def test_what_else_is_needed() -> None:
    """One more where one is enough, pairs where two are; a budget says what it needs beside it."""
    held = {"flops_per_token": 1e9, "peak_flops_per_s": 1e15, "goodput": 1.0}
    with pytest.raises(InputError, match=r"one more of: --mfu, --deadline$"):
        close({**held, "tokens": 1e12, "devices": 8.0}, {})
    with pytest.raises(InputError, match="too little to find devices, mfu") as told:
        close({**held, "tokens": 1e12}, {"training_time_s": 1e6})
    assert "budget needs" not in str(told.value)
    with pytest.raises(InputError, match=r"--budget needs a --price"):
        close({**held, "tokens": 1e12}, {"cost_usd": 1e6})
    with pytest.raises(InputError) as told:
        close({**held, "price_usd_per_device_s": 1.0, "tokens": 1e12}, {"cost_usd": 1e6})
    assert "budget needs" not in str(told.value)
    with pytest.raises(InputError, match="also --devices with --mfu or --devices with --deadline or --mfu with --dead"):
        close({**held, "tokens": 1e12}, {})
    with pytest.raises(InputError, match="more: tokens, devices and mfu, say"):
        close(held, {})


def test_numbers_are_solved_as_floats() -> None:
    """Whole numbers in, a float out, whatever the relation: two devices of three tokens a second have six."""
    rate = solve({"devices": 2, "tokens_per_s_per_device": 3})["tokens_per_s"]
    assert (rate, type(rate)) == (6.0, float)


def test_a_billionth_beyond_a_limit_is_rounding() -> None:
    """Of a deadline of 2^30 s one second is less than a billionth, four are not."""
    held = {"flops_per_token": 1.0, "peak_flops_per_s": 1.0, "goodput": 1.0, "tokens": 2.0**30, "devices": 1.0}
    assert close({**held, "training_time_s": 2.0**30 + 1}, {"training_time_s": 2.0**30}).binding == ()
    with pytest.raises(NoAnswer, match="deadline"):
        close({**held, "training_time_s": 2.0**30 + 4}, {"training_time_s": 2.0**30})


def test_two_limits_that_cannot_hold_together() -> None:
    """A second of 100 tokens on 10 devices at a dollar a second costs ten, whatever the MFU: half of that pays none."""
    given = {"flops_per_token": 1.0, "peak_flops_per_s": 1.0, "tokens_per_s": 100.0, "productive_time_s": 1.0}
    asked = {**given, "devices": 10.0, "price_usd_per_device_s": 1.0}
    assert close(asked, {"training_time_s": 2.0}).values["cost_usd"] == pytest.approx(20)
    assert close(asked, {"cost_usd": 10.0}).values["training_time_s"] == pytest.approx(1)
    assert close(asked, {"training_time_s": 2.0, "cost_usd": 10.0}).binding == ("cost_usd",)


@pytest.mark.parametrize(("limit", "said"), [("training_time_s", "later deadline"), ("cost_usd", "larger budget")])
def test_what_helps_where_a_limit_cannot_be_met(limit: str, said: str) -> None:
    """2e6 s at a dollar a second: within twice a million of either, not within a million."""
    held = {"flops_per_token": 1e9, "peak_flops_per_s": 1e15, "goodput": 1.0, "tokens": 1e12, "devices": 1.0}
    known = {**held, "mfu": 0.5, "price_usd_per_device_s": 1.0}
    with pytest.raises(NoAnswer, match=said):
        close(known, {limit: 1e6})
    assert close(known, {limit: 2e6}).binding == ()
