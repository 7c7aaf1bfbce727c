"""A scripted client speaks to ``mfu-planner mcp`` over standard input and output."""

from __future__ import annotations

import asyncio
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.extra

ROOT = Path(__file__).resolve().parents[2]
RUN = {"model": "llama-3.1-8b", "hardware": "p5.48xlarge", "devices": 64, "tokens": "1T", "mfu": "40%", "goodput": 1}


def _talk(folder: Path, *calls: tuple[str, dict[str, Any]]) -> tuple[list[Any], list[Any]]:
    """The tools that the server lists, and its answers to the calls, in one session."""
    mcp = pytest.importorskip("mcp", reason="needs the extra mcp: pip install 'mfu-planner[mcp]'")
    stdio = pytest.importorskip("mcp.client.stdio")

    async def session() -> tuple[list[Any], list[Any]]:
        start = stdio.StdioServerParameters(
            command=sys.executable,
            args=["-m", "mfu_planner", "mcp", "--folder", str(folder)],
            env={"PYTHONPATH": str(ROOT)},
        )
        async with mcp.Client(start) as client:
            listed = await client.list_tools()
            return list(listed.tools), [await client.call_tool(name, given) for name, given in calls]

    with ThreadPoolExecutor(1) as apart:  # a browser that waits in this thread has an event loop of its own
        return apart.submit(lambda: asyncio.run(session())).result()


def _error(answer: Any) -> dict[str, Any]:
    """The parts of the one line."""
    text = answer.content[0].text
    return json.loads(text[text.index("{") :])


def _typed(listed: list[Any]) -> None:
    """Each says what it is for, what it takes with examples, what it gives; none writes anything."""
    names = {tool.name for tool in listed}
    assert {"plan", "mfu", "flops", "memory", "predict", "search", "diagnose", "log", "hardware"} == names
    for tool in listed:
        assert tool.description
        assert tool.input_schema["properties"]
        assert tool.output_schema["type"] == "object"
        assert tool.annotations.read_only_hint is True
    plan = next(tool for tool in listed if tool.name == "plan")
    assert plan.input_schema["properties"]["tokens"]["description"]
    assert "cost_usd" in plan.output_schema["properties"]


def test_a_conversation(tmp_path: Path) -> None:
    """Tools, a plan, a log's measurement, a wrong name, an unknown argument, a file outside, no answer."""
    (tmp_path / "train.log").write_text("".join(f"step: {n}  loss: 7.1  tps: 5,012  mfu: 29.35%\n" for n in (1, 2, 3)))
    listed, (planned, logged, wrong, unknown, outside, no_answer) = _talk(
        tmp_path,
        ("plan", RUN),
        ("log", {"files": ["train.log"]}),
        ("plan", {**RUN, "hardware": "h10"}),
        ("plan", {**RUN, "devise": 8}),
        ("flops", {"config": "/etc/passwd"}),
        ("plan", {**RUN, "deadline": "1h", "devices": 8}),
    )
    _typed(listed)
    assert not planned.is_error
    hours = planned.structured_content["device_hours"]
    assert planned.structured_content["cost_usd"] == pytest.approx(hours * 55.04 / 8)
    assert logged.structured_content["tokens_per_s_per_device"] == pytest.approx(5012)
    for answer, field in ((wrong, "hardware"), (unknown, "devise"), (outside, "config")):
        said = _error(answer)
        assert answer.is_error
        assert said["field"] == field
        assert said["accepted"]
    assert "devices" in _error(unknown)["nearest"]
    assert no_answer.is_error
    assert "Traceback" not in no_answer.content[0].text
