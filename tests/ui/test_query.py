"""The URL holds every field: to a query string and back without loss."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mfu_planner.ui.query import LONGEST, flag_value, from_query, to_query

_NAMES = st.text(min_size=1, max_size=20).filter(lambda s: s.isprintable())
_VALUES = st.text(max_size=80).filter(lambda s: not any(0xD800 <= ord(c) <= 0xDFFF for c in s))


@given(st.dictionaries(_NAMES.filter(lambda s: not any(0xD800 <= ord(c) <= 0xDFFF for c in s)), _VALUES, max_size=8))
def test_any_fields_survive_the_address(fields: dict[str, str]) -> None:
    """Spaces, dollars, percent signs, Chinese, ampersands."""
    assert from_query(to_query(fields)) == fields


@given(st.text(max_size=300))
def test_any_query_is_read(text: str) -> None:
    """Whatever stands in an address gives fields, never an exception."""
    assert all(isinstance(v, str) for v in from_query(text).values())


def test_long_values_are_cut() -> None:
    """A value of a megabyte does not travel."""
    assert len(from_query(to_query({"a": "x" * 1_000_000}))["a"]) == LONGEST


def test_switches_are_read() -> None:
    """As browsers and people write them."""
    assert [flag_value(t) for t in ("true", "1", "Yes", "false", "", "0")] == [True, True, True, False, False, False]
