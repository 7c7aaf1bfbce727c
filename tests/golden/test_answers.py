"""No answer changes in silence: every kept answer is given again (see ``answers.py``)."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import answers

SLOW = ("search", "diagnose")


@pytest.mark.parametrize("kind", [kind for kind in answers.QUESTIONS if kind not in (*SLOW, "backtest")])
def test_answers_are_those_that_were_kept(kind: str) -> None:
    """To the last digit where whole, to 1e-9 where summed; ``answers.py --write`` follows a change that is named."""
    _as_kept(kind)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", SLOW)
def test_slow_answers_are_those_that_were_kept(kind: str, sample: Any) -> None:
    """The same of answers that compare many layouts."""
    _as_kept(kind, sample)


def test_back_tests_are_those_that_were_kept(on_file: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same of published runs."""
    monkeypatch.setattr(answers, "judged", on_file)
    _as_kept("backtest")


def _as_kept(kind: str, of: Callable[[Iterable[Any]], list[Any]] = list) -> None:
    held = of(h for h in answers.read() if h["kind"] == kind)
    assert held
    found = [
        f"{json.dumps(h['question'])}{line}"
        for h in held
        for line in answers.differences(h["answer"], answers.answer(kind, h["question"]))
    ]
    assert not found, f"{len(found)} differences\n" + "\n".join(found[:20])


def test_differences_are_seen() -> None:
    """The comparison tells numbers that moved, keys that went, and words that changed."""
    kept = {"a": 1.0, "b": 2, "c": {"d": "x"}, "e": [1.0, None]}
    assert not list(answers.differences(kept, {**kept, "a": 1.0 + 1e-12}))
    moved = {"a": 1.0 + 1e-8, "b": 2.0, "c": {"f": "x"}, "e": [1.0, 0.0]}
    assert [d.split(":")[0] for d in answers.differences(kept, moved)] == [".a", ".b", ".c.d", ".c.f", ".e[1]"]
