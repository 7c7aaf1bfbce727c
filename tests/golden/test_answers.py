"""No answer changes in silence: every kept answer is given again (see ``answers.py``)."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import answers


@pytest.mark.parametrize("kind", answers.QUESTIONS)
def test_answers_are_those_that_were_kept(kind: str) -> None:
    """To the last digit where whole, to 1e-9 where summed; ``answers.py --write`` follows a change that is named."""
    held = [h for h in answers.read() if h["kind"] == kind]
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
