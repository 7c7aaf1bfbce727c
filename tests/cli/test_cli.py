"""The command line: the contract of --json, exit codes, one line of error, light start."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from mfu_planner.cli.main import group, main

PLAN = [
    "plan",
    "--model",
    "llama-3.1-8b",
    "--hardware",
    "h100-sxm",
    "--devices",
    "64",
    "--tokens",
    "1T",
    "--mfu",
    "0.4",
]


def run(*args: str) -> str:
    """Stdout of a command that succeeds."""
    done = CliRunner().invoke(group, args, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_plan_json_has_the_keys_of_the_contract() -> None:
    """One object on stdout, nothing else there."""
    got = json.loads(run(*PLAN, "--json"))

    assert {
        "solved_for", "training_time_s", "device_hours", "cost_usd", "energy_kwh", "tokens", "devices", "mfu",
        "goodput",
        "price_usd_per_device_hour", "flops_per_token", "total_flops", "peak_flops_per_s", "tokens_per_s",
        "tokens_per_s_per_device", "convention", "seq_len", "range", "warnings", "schema_version",
    } <= got.keys()  # fmt: skip


def test_mfu_json_has_the_keys_of_the_contract() -> None:
    """The same for mfu."""
    got = json.loads(
        run("mfu", "--model", "gpt2", "--hardware", "h100-sxm", "--tokens-per-second-per-device", "200K", "--json")
    )

    assert {
        "mfu", "hfu", "convention", "by_convention", "achieved_flops_per_s_per_device", "peak_flops_per_s",
        "flops_per_token", "warnings", "schema_version",
    } <= got.keys()  # fmt: skip


def test_flops_operators_add_up_to_the_totals() -> None:
    """Parameters and forward FLOPs of the operators sum to the printed totals."""
    got = json.loads(run("flops", "--model", "llama-3.1-8b", "--seq-len", "512", "--batch", "2", "--json"))

    assert sum(o["params"] for o in got["operators"]) == got["params"]["total"]
    assert sum(o["forward_flops"] for o in got["operators"]) == got["flops"]["forward"]
    assert got["flops"]["total"] == got["flops"]["forward"] + got["flops"]["backward"]


def test_models_and_one_model() -> None:
    """The list holds the ids people write; one of them carries its source."""
    ids = {m["id"] for m in json.loads(run("models", "--json"))["models"]}
    one = json.loads(run("models", "GPT-3-175B", "--json"))

    assert {"llama-3.1-405b", "llama-3.1-8b", "gpt-3-175b", "gpt2", "mistral-7b"} <= ids
    assert one["params"]["total"] == 174_604_259_328
    assert any("no public config" in note.lower() for note in one["notes"])


@pytest.mark.parametrize("command", ["plan", "mfu", "flops", "models", "hardware", "demo"])
def test_every_command_has_help(command: str) -> None:
    """--help works and shows the docstring."""
    assert "Usage:" in run(command, "--help")


@pytest.mark.parametrize(
    ("args", "status"),
    [
        ([*PLAN, "--deadline", "1s"], 1),
        ([*PLAN[:5]], 2),
        ([*PLAN, "--hardware", "H100"], 2),
        (["plan", "--nonsense"], 2),
        (["plam"], 2),
        (["flops", "--config", "/dev/null", "--seq-len", "8"], 2),
        (["flops", "--config", "/no/such/file", "--seq-len", "8"], 2),
        (["mfu", "--model", "gpt2"], 2),
        (["plan", "--file", "/no/such/plan.yaml"], 2),
    ],
)
def test_failures_are_one_line_on_stderr(args: list[str], status: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 for bad input, 1 for no answer; stdout stays empty."""
    with pytest.raises(SystemExit) as caught:
        main([*args])

    out, err = capsys.readouterr()
    assert caught.value.code == status
    assert out == ""
    assert len(err.strip().splitlines()) == 1


HEAVY = ("sympy", "pint", "numpy", "yaml", "rich", "pandas", "streamlit")
OF_OTHER_ANSWERS = (
    *("machine", "step", "searching", "backtesting", "observe", "diagnosis", "recording", "report", "ui", "agent"),
    *("run.goodput", "numeric.formula", "counting.formulas", "facts._model", "questions.lettered"),
    *("hardware._text", "hardware._build", "hardware._records", "counting.conventions.megatron"),
    *(f"operators.{kind}" for kind in ("scans", "channel_delta", "compressed", "recorded", "similarity", "mixing")),
)


def test_a_plain_plan_imports_nothing_heavy() -> None:
    """No sympy, pint, NumPy, YAML or rich on the everyday path, and of ours nothing that other answers need."""
    code = (
        "import sys; from mfu_planner.cli.main import main\n"
        f"try: main({[*PLAN, '--json']!r})\n"
        "except SystemExit: pass\n"
        f"heavy = {(*HEAVY, *(f'mfu_planner.{name}' for name in OF_OTHER_ANSWERS))!r}\n"
        "print(sorted(m for m in heavy if m in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip().splitlines()[-1] == "[]"


def test_the_explanation_shows_formula_numbers_and_sources() -> None:
    """--explain on plan and mfu."""
    shown = run(*PLAN, "--explain")

    assert "training_time_s = " in shown
    assert "2204.02311" in shown
    assert "https://" in shown
