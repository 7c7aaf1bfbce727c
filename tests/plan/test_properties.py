"""Properties of the equations that hold for every plan."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from mfu_planner import PlannerError, measure, plan

MODELS = st.sampled_from(["gpt2", "llama-3.1-8b", "llama-2-70b", "qwen2.5-7b"])
COMMON = {"hardware": "h100-sxm", "goodput": 1, "price": 2.5}
MFU = st.floats(0.01, 1.0)
DEVICES = st.integers(1, 100_000)
TOKENS = st.floats(1e6, 1e15)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(MODELS, DEVICES, TOKENS, MFU)
def test_plan_and_mfu_are_inverses(model: str, devices: int, tokens: float, mfu: float) -> None:
    """The throughput of a plan, measured, gives the plan's MFU back."""
    p = plan(model=model, devices=devices, tokens=tokens, mfu=mfu, **COMMON)
    m = measure(model=model, hardware="h100-sxm", devices=devices, tokens_per_second=p.tokens_per_s)

    assert math.isclose(m.mfu, mfu, rel_tol=1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(MODELS, DEVICES, TOKENS, MFU)
def test_more_devices_never_mean_more_time(model: str, devices: int, tokens: float, mfu: float) -> None:
    """Twice the devices: half the time, the same cost."""
    one = plan(model=model, devices=devices, tokens=tokens, mfu=mfu, **COMMON)
    two = plan(model=model, devices=2 * devices, tokens=tokens, mfu=mfu, **COMMON)

    assert math.isclose(two.training_time_s, one.training_time_s / 2, rel_tol=1e-9)
    assert math.isclose(two.cost_usd or 0, one.cost_usd or 0, rel_tol=1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(TOKENS, st.floats(0.05, 1), st.floats(1, 1000))
def test_a_deadline_is_kept_by_the_fewest_whole_nodes(tokens: float, mfu: float, days: float) -> None:
    """The rounded plan meets the deadline; one node fewer would not."""
    p = plan(model="llama-3.1-8b", tokens=tokens, mfu=mfu, deadline=days * 86400, **COMMON)

    assert p.training_time_s <= days * 86400 * (1 + 1e-9)
    assert p.devices % 8 == 0
    assert p.devices - 8 < p.devices_exact * (1 + 1e-9)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.floats(1, 1000), st.floats(0.5, 9))
def test_every_unit_system_gives_the_same_answer(billions: float, price: float) -> None:
    """Tokens, rates, prices and times in other units."""
    common = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "goodput": 1}
    plain = plan(**common, tokens=billions * 1e9, mfu=0.4, price=price)
    dressed = plan(**common, tokens=f"{billions!r}B tokens", mfu="40%", price=f"{price * 24!r} $/day")

    assert math.isclose(plain.training_time_s, dressed.training_time_s, rel_tol=1e-9)
    assert math.isclose(plain.cost_usd or 0, dressed.cost_usd or 0, rel_tol=1e-9)


FIELDS = st.sampled_from(
    ["model", "tokens", "hardware", "devices", "mfu", "deadline", "budget", "price", "goodput", "dtype", "convention",
     "seq_len", "pue", "as_of", "peak", "params", "devices_per_node"]
)  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True)
@given(FIELDS, st.text(max_size=30))
def test_any_text_in_any_field_gives_an_answer_or_one_line(field: str, text: str) -> None:
    """No text whatever is a traceback."""
    base = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "tokens": "1B", "mfu": 0.4, "goodput": 1}
    try:
        plan(**{**base, field: text})
    except PlannerError as error:
        assert "\n" not in str(error)  # noqa: PT017  an answer is as good as an error
