"""The skill file's questions give the answers that stand in it."""

from __future__ import annotations

import json
import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from mfu_planner.agent.tools import KINDS, tools
from mfu_planner.errors import InputError

SKILL = (Path(__file__).parents[2] / "deploy" / "skill" / "SKILL.md").read_text("utf-8")
CASES = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", SKILL, re.DOTALL)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['tool']}-{case['arguments'].get('hardware', '')}")
def test_question_has_its_answer(case: dict[str, Any]) -> None:
    """Figures to their last shown digit; an error on the field that is named."""
    call, _ = tools(None)[case["tool"]]
    if "error" in case:
        with pytest.raises(InputError) as refused:
            call(**case["arguments"])
        assert refused.value.field == case["error"]
        return
    found = call(**case["arguments"])
    for name, value in case["answer"].items():
        given = reduce(lambda held, key: held[key], name.split("."), found)
        assert given == (value if isinstance(value, str | bool) else pytest.approx(value, rel=1e-4))


def test_every_tool_is_named() -> None:
    """The table leads to each."""
    for name in (*KINDS, "hardware"):
        assert f"`{name}`" in SKILL
