"""The streaming scanner: any layout, any cut, any damage."""

from __future__ import annotations

import contextlib
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfu_planner.errors import InputError
from mfu_planner.observe.traces import scan
from mfu_planner.observe.traces.scan import TraceScanner

EVENTS = [
    {"ph": "X", "cat": "kernel", "name": 'a "quoted" \\ name }, {', "ts": 1.5, "dur": 2, "args": {"grid": [1, 2, 3]}},
    {"ph": "X", "cat": "kernel", "name": "naïve – ünï", "ts": 4, "dur": 1},
    {"ph": "M", "name": "process_name", "args": {"name": "x"}},
]
WHOLE = {"schemaVersion": 1, "nested": {"traceEvents": "no"}, "traceEvents": EVENTS, "traceName": "t", "last": 12345}


def pieces(text: str, size: int) -> list[str]:
    return [text[i : i + size] for i in range(0, len(text), size)]


@pytest.mark.parametrize("indent", [None, 1, 4])
@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_layouts_and_piece_sizes(indent, size):
    """The events and the metadata on both sides of them come out whatever the layout and the pieces."""
    scanner = TraceScanner(pieces(json.dumps(WHOLE, indent=indent), size))

    assert list(scanner.events()) == EVENTS
    assert {k: v for k, v in WHOLE.items() if k != "traceEvents"} == scanner.metadata
    assert (scanner.skipped, scanner.truncated) == (0, False)


def test_bare_array_without_its_closing_bracket():
    """The Chrome format allows the array alone, left open."""
    text = json.dumps(EVENTS)[:-1]

    assert list(TraceScanner([text]).events()) == EVENTS


@pytest.mark.parametrize("window", [64, 256])
def test_window_smaller_than_an_event(monkeypatch, window):
    """Events longer than the window are read by growing it."""
    monkeypatch.setattr(scan, "_WINDOW", window)
    monkeypatch.setattr(scan, "_MARGIN", window // 8)
    long = {"ph": "X", "name": "x" * 1000, "args": {"list": list(range(300))}}
    scanner = TraceScanner(pieces(json.dumps({"a": 1234567, "traceEvents": [long, *EVENTS, long], "b": 2}), 50))

    assert list(scanner.events()) == [long, *EVENTS, long]
    assert scanner.metadata == {"a": 1234567, "b": 2}


def test_events_without_use_are_passed_over_by_layout():
    """Kineto's layout lets Python frames go undecoded; what follows them is still found, and they are counted."""
    frame = {
        "ph": "X",
        "cat": "python_function",
        "name": "f",
        "ts": 1,
        "dur": 1,
        "args": {"deep": [{"a": 1}, {"b": 2}]},
    }
    text = json.dumps({"traceEvents": [EVENTS[0], frame, frame, EVENTS[1]]}, indent=2)
    scanner = TraceScanner([text])

    assert list(scanner.events()) == EVENTS[:2]
    assert scanner.unread["python_function"] == 2


def test_every_cut_gives_the_events_before_it():
    """A file that ends anywhere gives a prefix of its events, and says so."""
    text = json.dumps(WHOLE)
    opening = text.index("[{") + 1
    for cut in range(opening, len(text)):
        scanner = TraceScanner([text[:cut]])
        found = [e for e in scanner.events() if e.get("ph") == "X"]

        assert EVENTS[: len(found)] == found
        assert scanner.truncated


def test_malformed_events_are_stepped_over():
    """Unescaped quotes, bare words, a missing brace: the neighbours survive."""
    good = json.dumps(EVENTS[1])
    bad = ['{"ph": "X", "name": "a "b" c", "ts": 1}', '{"ph": "X", "ts": oops}', '{"ph": "X", "name": "\\q"}']
    text = '{"traceEvents": [' + ", ".join(part for b in bad for part in (good, b)) + ", " + good + "]}"
    scanner = TraceScanner([text])

    found = [e for e in scanner.events() if e.get("cat") == "kernel"]

    assert [EVENTS[1]] * 4 == found
    assert scanner.skipped >= 3


def test_broken_metadata_before_the_events():
    """Metadata that is not JSON does not hide the events."""
    scanner = TraceScanner(['{"host": bad value, "traceEvents": [' + json.dumps(EVENTS[1]) + "]}"])

    assert list(scanner.events()) == [EVENTS[1]]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "not json",
        "{}",
        '{"traceEvents": 3}',
        '{"a": [1, 2',
        '{"traceEvents": {"a": 1}}',
        "\x00\x01\x02" * 50,
        '{"traceEvents": [' + '{"ph": ' * 200_000,
        "[" * 200_000 + '{"ph": bad, ' * 5000,
    ],
)
def test_what_is_no_trace_is_refused_in_one_line(text):
    """InputError, whatever comes; no recursion, no endless search."""
    with pytest.raises(InputError) as caught:
        list(TraceScanner([text]).events())

    assert "\n" not in str(caught.value)


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_random_damage_never_escapes(seed, wounds):
    """Random characters over a valid trace: events or an InputError, nothing else."""
    dice = random.Random(seed)
    text = list(json.dumps(WHOLE, indent=dice.choice([None, 2])))
    for _ in range(wounds):
        text[dice.randrange(len(text))] = dice.choice('{}[]",:\\x0\x00é')
    scanner = TraceScanner(pieces("".join(text), dice.randrange(1, 99)))
    with contextlib.suppress(InputError):
        list(scanner.events())
