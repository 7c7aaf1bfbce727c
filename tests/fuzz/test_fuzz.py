"""A short run of the fuzzer with fixed seeds: an answer or one line, whatever comes in; and the judge itself judged."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from fuzz import judge
from fuzz.__main__ import FAILURES
from fuzz.judge import run
from fuzz.targets import TARGETS, drawn, options, usual
from mfu_planner.questions.commands import COMMANDS, question_of
from mfu_planner.questions.question import asks

COUNT = {"search": 12, "diagnose": 12, "page": 12, "runs.csv": 15}


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_odd_input_of_every_kind(target: str, tmp_path: Path) -> None:
    for name, (arguments, text) in islice(drawn(2026, target), COUNT.get(target, 40)):
        found = run(arguments, text, tmp_path / name.replace(" ", "-"))

        assert found.kind not in FAILURES - {"slow"}, (found, arguments)


@pytest.mark.parametrize("command", ["plan", "mfu", "flops", "predict", "memory", "search", "diagnose"])
def test_a_new_field_is_covered_unasked(command: str) -> None:
    """Every field of the question is an option that is drawn, and those with an example get it, too."""
    valued, bare = options(command)
    fields = {f"--{name.replace('_', '-')}" for name in asks(question_of(command))}

    assert command in COMMANDS
    assert len(fields & {*valued, *bare}) >= 0.8 * len(fields)
    assert set(usual(command)) <= fields


@pytest.mark.parametrize(
    ("out", "kind"),
    [
        ('{"mfu": 1.2}', "absurd"),
        ('{"training_time_s": 1e-9}', "absurd"),
        ('{"step_time_s": -1}', "absurd"),
        ('{"mfu": NaN}', "not JSON"),
        ("hello", "not JSON"),
    ],
)
def test_the_judge_sees_what_cannot_be(out: str, kind: str) -> None:
    found = judge._absurd(out)

    assert found is not None
    assert found[0] == kind


def test_the_judge_takes_an_error_among_the_findings() -> None:
    assert judge._absurd('{"mfu": 1.2, "findings": [{"severity": "error"}]}') is None


@pytest.mark.parametrize(("err", "out", "status"), [("a\nb\n", "", 2), ("a\n", "x", 2), ("a\n", "", 7), ("", "", 1)])
def test_the_judge_wants_one_line_of_a_refusal(err: str, out: str, status: int) -> None:
    assert judge._refused_badly(err, out, status) is not None
