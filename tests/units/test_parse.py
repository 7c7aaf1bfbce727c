"""Reading quantities: every spelling of the interface, every refusal, and the fast table against the registry."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfu_planner.errors import InputError
from mfu_planner.units import DIMENSIONS, format_value, parse, parse_whole
from mfu_planner.units import _everyday as everyday

DAY, HOUR = 24 * 60 * 60, 60 * 60


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("15.6T", "token", 15_600_000_000_000),
        ("15_000", "device", 15_000),
        ("16,384 GPUs", "device", 16_384),
        ("16M tokens", "token", 16_000_000),
        ("70B", "count", 70_000_000_000),
        ("70b", "count", 70_000_000_000),
        ("1e12", "token", 10**12),
        ("2.5 $/h", "usd_per_device_hour", 2.5),
        ("$2.50/GPU-hour", "usd_per_device_hour", 2.5),
        ("2.5 USD per GPU per hour", "usd_per_device_hour", 2.5),
        ("2.5", "usd_per_device_hour", 2.5),
        ("$2M", "usd", 2_000_000),
        ("2M", "usd", 2_000_000),
        ("USD 2M", "usd", 2_000_000),
        ("30d", "time", 30 * DAY),
        ("30 days", "time", 30 * DAY),
        ("90 min", "time", 90 * 60),
        ("5829.9 ms", "time", 5.8299),
        ("80 GiB", "byte", 80 * 2**30),
        ("80 GB", "byte", 80 * 10**9),
        ("80gb", "byte", 80 * 10**9),
        ("3.35 TB/s", "byte_per_s", 3.35e12),
        ("400 Gb/s", "byte_per_s", 50e9),
        ("989 TFLOP/s", "flop_per_s", 989e12),
        ("989 TFLOPS", "flop_per_s", 989e12),
        ("1979 TOP/s", "flop_per_s", 1979e12),
        ("400 TFLOP/s/GPU", "flop_per_s_per_device", 400e12),
        ("400 TFLOP/s", "flop_per_s_per_device", 400e12),
        ("1.2M tokens/s", "token_per_s", 1.2e6),
        ("400 tokens/s/GPU", "token_per_s_per_device", 400),
        ("30.84M GPU-hours", "device_time", 30.84e6 * HOUR),
        ("30.84M H100-hours", "device_time", 30.84e6 * HOUR),
        ("2.5 $/H100-hour", "usd_per_device_hour", 2.5),
        ("400 tokens/s/H100", "token_per_s_per_device", 400),
        ("64 H100s", "device", 64),
        ("2 MI300X days", "device_time", 2 * DAY),
        ("15.6 trillion tokens", "token", 15_600_000_000_000),
        ("$2 million", "usd", 2_000_000),
        ("40%", "fraction", 0.4),
        ("0.4", "fraction", 0.4),
        ("1.5 GWh", "energy", 1.5e9 * 3600),
        ("700 W", "power", 700),
        ("1830 MHz", "frequency", 1.83e9),
        ("0.08 $/kWh", "usd_per_kwh", 0.08),
        ("3.8e25", "flop", 3.8e25),
        ("1 PFLOP/s*day", "flop", 1e15 * DAY),
    ],
)
def test_reads_what_people_type(text: str, dimension: str, value: float) -> None:
    """Each spelling gives the hand-computed value in the canonical unit."""
    assert value == pytest.approx(parse(text, dimension, field="--x"), rel=1e-12)


@pytest.mark.parametrize(
    ("text", "dimension", "said"),
    [
        ("40", "fraction", "fraction between 0 and 1"),
        ("1.4", "fraction", "fraction between 0 and 1"),
        ("40 GB", "fraction", "an amount of memory"),
        ("15T GB", "token", "an amount of memory"),
        ("3 h", "usd_per_device_hour", "'h' is a time"),
        ("80 GB", "flop_per_s", "an amount of memory"),
        ("5 furlong", "time", "'furlong' is not known"),
        ("1 token*day", "time", "[token]"),
        ("400 tokens/s/GPU", "token_per_s", "per device"),
        ("-3T", "token", "above zero"),
        ("0", "device", "above zero"),
        ("2.5", "device", "whole number"),
        ("nan", "time", "a time"),
        ("inf", "time", "a time"),
        ("1e400", "time", "finite"),
        ("", "token", "number of tokens"),
        ("1.2.3", "token", "number of tokens"),
        ("1,5", "token", "number of tokens"),
    ],
)
def test_refuses_with_both_dimensions(text: str, dimension: str, said: str) -> None:
    """A refusal names the field, the accepted dimension and what was given instead."""
    with pytest.raises(InputError) as caught:
        parse(text, dimension, field="--x")

    assert str(caught.value).startswith("--x: got ")
    assert DIMENSIONS[dimension].words in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("leftover", ["M", "", ".5/h", ",000,000", "0M", "/h"])
def test_shell_leftovers_say_so(leftover: str) -> None:
    """What a shell leaves of an unquoted $2M is explained, not guessed."""
    dimension = "usd_per_device_hour" if "/h" in leftover else "usd"
    with pytest.raises(InputError, match="a shell turns"):
        parse(leftover, dimension, field="--budget")


@pytest.mark.parametrize("value", [True, None, [], 10**400, float("nan"), -1])
def test_refuses_objects_that_are_no_sensible_number(value: object) -> None:
    """Booleans, None, lists, overflowing ints and negatives are not token counts."""
    with pytest.raises(InputError):
        parse(value, "token", field="tokens")  # type: ignore[arg-type]


def test_bare_unit_applies_to_numbers_and_bare_text() -> None:
    """--device-hours 30.84M means hours, said as text or as a number."""
    want = 30.84e6 * HOUR

    assert want == pytest.approx(parse("30.84M", "device_time", field="x", bare_unit="GPU hour"))
    assert want == pytest.approx(parse(30.84e6, "device_time", field="x", bare_unit="GPU hour"))


def test_whole_counts_are_exact_ints() -> None:
    """Counts come back as ints."""
    assert parse_whole("16_384", "device", field="x") == 16384
    with pytest.raises(InputError, match="whole"):
        parse_whole("1.5", "token", field="x")


def test_everyday_table_equals_the_registry() -> None:
    """The generated file is what the registry gives today, for every spelling."""
    assert everyday.PATH.read_text("utf-8") == everyday.render()


def test_everyday_path_imports_neither_pint_nor_numpy() -> None:
    """The fast path stays fast: a fresh process that reads everyday units has not loaded pint."""
    code = (
        "import sys; from mfu_planner.units import parse, format_value;"
        "[parse(t, d, field='x') for t, d in (('15.6T','token'),('2.5 $/h','usd_per_device_hour'),('80 GiB','byte'))];"
        "format_value(3e6, 'time'); print([m for m in ('pint', 'numpy', 'yaml', 'pydantic') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_every_everyday_unit_belongs_to_one_magnitude() -> None:
    """One spelling never means two sizes in two dimensions that a number could be taken for."""
    table = json.loads(everyday.PATH.read_text("utf-8"))
    for unit in table["byte"]:
        assert unit not in table["time"]
        assert unit not in table["flop"]


@given(st.text(max_size=30), st.sampled_from(sorted(DIMENSIONS)))
def test_any_text_gives_a_number_or_one_line(text: str, dimension: str) -> None:
    """No text raises anything but an InputError of one line."""
    value, refusal = 0.0, ""
    try:
        value = parse(text, dimension, field="--x")
    except InputError as error:
        refusal = str(error)

    assert "\n" not in refusal
    assert 0 <= value < math.inf


@given(st.floats(min_value=1e-3, max_value=1e6), st.sampled_from(["k", "M", "G", "T", "P"]))
def test_prefixes_scale(value: float, prefix: str) -> None:
    """A decimal prefix is its power of ten: 1000 of one are one of the next."""
    powers = {"k": 3, "M": 6, "G": 9, "T": 12, "P": 15}
    got = parse(f"{value!r} {prefix}B/s", "byte_per_s", field="x")

    assert got == pytest.approx(value * 10 ** powers[prefix], rel=1e-12)


@pytest.mark.parametrize(
    ("value", "dimension", "text"),
    [
        (15.6e12, "token", "15.6T tokens"),
        (16384, "device", "16,384 devices"),
        (989.4e12, "flop_per_s", "989.4 TFLOP/s"),
        (54.3 * DAY, "time", "54.3 days"),
        (0.0123, "time", "12.3 ms"),
        (0.404, "fraction", "40.4%"),
        (2e6, "usd", "$2M"),
        (30.84e6 * HOUR, "device_time", "30.84M device-hours"),
        (1.5e9 * 3600, "energy", "1.5 GWh"),
    ],
)
def test_shows_numbers_for_people(value: float, dimension: str, text: str) -> None:
    """Values print with a prefix that suits them."""
    assert format_value(value, dimension) == text
