"""Strict YAML: what PyYAML would silently accept, and how each refusal reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.facts._model import Source, check
from mfu_planner.facts._yaml import load_file, load_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 989.4e12", {"a": 989.4e12}),
        ("a: 1e12", {"a": 1e12}),
        ("a: no", {"a": "no"}),
        ("a: 1:30", {"a": "1:30"}),
        ("a: 15_000", {"a": "15_000"}),
        ("a: 010", {"a": 10}),
        ("a: true", {"a": True}),
        ("a:", {"a": None}),
    ],
)
def test_reads_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    """Floats without a sign are floats; no, sexagesimals and underscores are text."""
    assert load_text(text, "x.yaml") == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\na: 2", "appears twice"),
        ("a: &x 1\nb: *x", "alias *x"),
        ("a: !!python/object:os.system x", "strict YAML"),
        ("1: a", "is not text"),
        ("a: [", "strict YAML"),
        ("[" * 40 + "]" * 40, "nested deeper"),
    ],
)
def test_refuses_what_hides_mistakes(text: str, said: str) -> None:
    """Two equal keys, aliases, tags, deep nesting: one line with the file."""
    with pytest.raises(InputError, match=r"x\.yaml") as caught:
        load_text(text, "x.yaml")

    assert said in str(caught.value)


def test_refuses_large_and_unreadable_files(tmp_path: Path) -> None:
    """A file above a mebibyte, a missing one, and one that is not UTF-8."""
    large = tmp_path / "large.yaml"
    large.write_text("a: " + "x" * (1 << 20))
    binary = tmp_path / "binary.yaml"
    binary.write_bytes(b"a: \xff\xfe")

    for path in (large, binary, tmp_path / "missing.yaml"):
        with pytest.raises(InputError):
            load_file(path)


@given(st.text(max_size=60))
def test_any_text_gives_data_or_one_line(text: str) -> None:
    """No text raises anything but an InputError."""
    refusal = ""
    try:
        load_text(text, "x.yaml")
    except InputError as error:
        refusal = str(error)

    assert "\n" not in refusal


def test_models_are_closed_and_name_the_key() -> None:
    """A misspelt key is an error with file, key and the nearest key."""
    data = {"title": "t", "url": "u", "checkd": "2026-01-01"}
    with pytest.raises(InputError, match=r"spec\.yaml") as caught:
        check(Source, data, "spec.yaml")

    assert "check" in str(caught.value)


def test_folders_exist_and_unknown_ones_do_not() -> None:
    """The fact folders are found beside the package."""
    assert (folder("hardware_specs") / "index.json").is_file()
    with pytest.raises(FileNotFoundError):
        folder("no_such_folder")
