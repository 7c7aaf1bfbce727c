"""A short run of the fuzzer with fixed seeds: an answer or one line, whatever comes in; and the judge itself judged."""

from __future__ import annotations

import random
from itertools import islice
from pathlib import Path

import pytest

from fuzz import judge
from fuzz.asked import BASE, PAGES, call, fields, options, usual
from fuzz.calls import CALLS, QUESTIONS
from fuzz.judge import run
from fuzz.share import FAILURES
from fuzz.targets import TARGETS, WEIGHTS, drawn
from mfu_planner.questions.commands import question_of
from mfu_planner.questions.question import asks

COUNT = {"search": 10, "diagnose": 10, "page": 5, "runs.csv": 15, "command line": 30}


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_odd_input_of_every_kind(target: str, tmp_path: Path) -> None:
    for _, made in islice(drawn(2026, target), COUNT.get(target, 60)):
        found = run(made, tmp_path)

        assert found.kind not in {*FAILURES} - {"slow"}, (found, made)


@pytest.mark.parametrize("command", sorted(QUESTIONS))
def test_a_new_field_is_covered_unasked(command: str) -> None:
    """Every field of the question is drawn by each of its names, and as an option; an example is given, too."""
    valued, bare = options(command)
    held = asks(question_of(command))
    random_ = random.Random(1)
    seen = {name for _ in range(6000) for name in call(command, random_).given}

    assert seen >= {*held, *fields(command)}
    assert len({f"--{n.replace('_', '-')}" for n in held} & {*valued, *bare}) >= 0.8 * len(held)
    assert set(usual(command)) <= set(held)


def test_every_kind_of_input_is_drawn() -> None:
    """Questions, files, pages: nothing that can be made is left out of a long run."""
    from mfu_planner.ui.main import __file__ as pages

    assert set(WEIGHTS) == set(TARGETS)
    assert min(WEIGHTS.values()) > 0
    assert {made.how for name in TARGETS for _, made in islice(drawn(1, name), 1)} >= {*CALLS, "command", "page"}
    assert set(PAGES) == {p.stem for p in (Path(pages).parent / "pages").glob("[a-z]*.py")}
    assert set(BASE) >= set(QUESTIONS)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ({"mfu": 1.2}, "absurd"),
        ({"training_time_s": 1e-9}, "absurd"),
        ({"step_time_s": -1}, "absurd"),
        ({"stages": [{"hfu": 1.2}]}, "absurd"),
        ({"deep": [{"mfu": float("nan")}]}, "not JSON"),
        ({"cost_usd": float("inf")}, "not JSON"),
    ],
)
def test_the_judge_sees_what_cannot_be(answer: dict[str, object], kind: str) -> None:
    found = judge._absurd(answer)

    assert found is not None
    assert found[0] == kind


def test_the_judge_takes_an_error_among_the_findings() -> None:
    assert judge._absurd({"mfu": 1.2, "findings": [{"severity": "error"}]}) is None


@pytest.mark.parametrize(("err", "out", "status"), [("a\nb\n", "", 2), ("a\n", "x", 2), ("a\n", "", 7), ("", "", 1)])
def test_the_judge_wants_one_line_of_a_refusal(err: str, out: str, status: int) -> None:
    assert judge._refused_badly(err, out, status) is not None
