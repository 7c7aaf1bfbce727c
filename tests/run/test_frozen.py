"""A record as JSON without a schema is what pydantic says with one; what only pydantic can show is left to it."""

from __future__ import annotations

import datetime as dt

import pytest
from pydantic import computed_field, field_serializer, model_serializer

from mfu_planner.run.frozen import Frozen, as_json, numbered


class Inner(Frozen):
    """A record in a record."""

    share: float
    name: str | None = None


class Outer(Frozen):
    """Every kind of field that answers have."""

    seconds: float
    either: int | float
    maybe: float | None
    count: int
    words: tuple[str, ...]
    by_name: dict[str, float]
    by_name_or_none: dict[str, float | None] | None
    parts: tuple[Inner, ...]
    inner: Inner
    anything: dict[str, object]


class Computed(Frozen):
    """With a field of its own making."""

    n: int

    @computed_field
    @property
    def double(self) -> int:
        """Twice."""
        return 2 * self.n


class Fielded(Frozen):
    """With a field that writes itself."""

    n: int

    @field_serializer("n")
    def _words(self, n: int) -> str:
        return f"{n} of them"


class Whole(Frozen):
    """A record that writes itself."""

    n: int

    @model_serializer
    def _one(self) -> dict[str, int]:
        return {"m": self.n}


VALUES = {
    "seconds": 3, "either": 3, "maybe": 2, "count": 4, "words": ("a", "b"), "by_name": {"x": 1, "y": 2.5},
    "by_name_or_none": {"x": None, "y": 2}, "anything": {"k": [1, (2.0, None)], "deep": {"s": "t"}},
}  # fmt: skip


def outer() -> Outer:
    """Values as the planner computes them: whole numbers where floats are meant."""
    inner = Inner.trusted(share=1, name="one")
    return Outer.trusted(**VALUES, parts=(inner, Inner.trusted(share=0)), inner=inner)


def test_json_is_that_of_pydantic() -> None:
    """Values and their types, to the last nested one."""
    found, read = as_json(outer()), Outer.model_validate(outer().model_dump()).model_dump(mode="json")
    assert found == read
    assert repr(found) == repr(read)


def test_a_whole_number_becomes_a_float_only_where_one_is_meant() -> None:
    found = as_json(outer())
    assert [type(found[n]) for n in ("seconds", "either", "maybe", "count")] == [float, int, float, int]
    assert [type(v) for v in found["by_name"].values()] == [float, float]
    assert type(found["parts"][1]["share"]) is float


@pytest.mark.parametrize(
    ("record", "said"),
    [(Computed(n=2), {"n": 2, "double": 4}), (Fielded(n=2), {"n": "2 of them"}), (Whole(n=2), {"m": 2})],
)
def test_a_record_that_writes_itself_is_left_to_pydantic(record: Frozen, said: dict[str, object]) -> None:
    assert as_json(record) == said


@pytest.mark.parametrize("value", [dt.date(2026, 1, 1), {1: "a key that is no text"}, {3.5}])
def test_what_pydantic_alone_can_show_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        as_json(value)


def test_what_is_no_number_is_said_beside_what_was_said_before() -> None:
    """Null for infinity, wherever it stands; warnings there were stay the first; none there were are none."""
    said = "rate, parts[1].share: beyond any number, so null"
    answer = {"rate": float("inf"), "parts": [1.0, {"share": float("nan")}]}
    null = {"rate": None, "parts": [1.0, {"share": None}]}
    assert numbered(answer) == {**null, "warnings": [said]}
    assert numbered({**answer, "warnings": ("doubtful",)}) == {**null, "warnings": ["doubtful", said]}
    assert numbered({**answer, "warnings": None}) == {**null, "warnings": [said]}
    assert numbered({"rate": 1.0}) == {"rate": 1.0}


def test_values_of_no_stated_kind_are_shown_as_they_are() -> None:
    """A whole number stays one where the kind says nothing of what is inside."""
    assert as_json({"a": [1, {"b": 2}]}, dict) == {"a": [1, {"b": 2}]}
    assert as_json([1, 2.0], list[float]) == [1.0, 2.0]
    assert [type(n) for n in as_json([1, 2], list[float])] == [float, float]
    assert type(as_json({"a": 1}, dict[str, float])["a"]) is float
    assert type(as_json({"a": 1}, dict[str, float] | None)["a"]) is float
