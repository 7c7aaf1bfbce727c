"""The question in other forms says the same thing."""

from __future__ import annotations

import csv
import io
import shlex

from click.testing import CliRunner

from mfu_planner import plan
from mfu_planner.answers.planfile import plan_stages
from mfu_planner.cli.main import group
from mfu_planner.questions.command import command_of
from mfu_planner.report.markdown import measurement_markdown, plan_markdown
from mfu_planner.ui.share import as_csv, as_python, as_yaml

_GIVEN = {
    "model": "llama-3.1-8b",
    "hardware": "h100-sxm",
    "tokens": "1T",
    "devices": "64",
    "mfu": "40%",
    "price": "$2.5/h",
}


def test_command_gives_the_same_answer() -> None:
    """The shell's quoting included."""
    import json

    words = shlex.split(command_of("plan", _GIVEN))
    assert words[0] == "mfu-planner"
    said = CliRunner().invoke(group, [*words[1:], "--json"], catch_exceptions=False)
    assert json.loads(said.stdout)["training_time_s"] == plan(**_GIVEN).training_time_s


def test_python_gives_the_same_answer() -> None:
    """The text runs as it stands."""
    names: dict[str, object] = {}
    exec(as_python("plan", _GIVEN), names)
    assert names["result"] == plan(**_GIVEN)


def test_plan_file_gives_the_same_answer() -> None:
    """``plan.yaml`` as exported."""
    import yaml

    assert plan_stages(yaml.safe_load(as_yaml(_GIVEN))).training_time_s == plan(**_GIVEN).training_time_s


def test_csv_quotes_what_a_spreadsheet_would_run() -> None:
    """Text that begins like a formula."""
    rows = list(csv.DictReader(io.StringIO(as_csv([{"a": "=1+1", "b": 2, "c": [1]}]))))
    assert rows == [{"a": "'=1+1", "b": "2"}]


def test_markdown_holds_the_answer_charts_and_sources() -> None:
    """A report of a plan and of a measurement."""
    from mfu_planner import measure

    text = plan_markdown(plan(**_GIVEN), "mfu-planner plan")
    assert text.startswith("# Training plan")
    assert text.count("```mermaid") == 2
    assert "https://" in text
    m = measure(model="llama-3.1-8b", hardware="h100-sxm", tokens_per_second_per_device=9400)
    assert "palm" in measurement_markdown(m, "mfu-planner mfu")
