"""A field that a question class lists is a flag, a key of plan.yaml, a key of the schema, a line of the reference."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic import ValidationError

from mfu_planner import predict
from mfu_planner.cli.main import group, main
from mfu_planner.errors import InputError
from mfu_planner.questions.ask import GROUPS, UNITS, Asked
from mfu_planner.questions.commands import COMMANDS, question_of
from mfu_planner.questions.question import asks, names, validated
from mfu_planner.questions.texts import help_of

ROOT = Path(__file__).resolve().parents[2]
FIELDS = [(command, asked) for command in COMMANDS for asked in asks(question_of(command)).values()]
REFERENCE = (ROOT / "docs/reference/cli.md").read_text("utf-8")


@cache
def command_of(name: str) -> click.Command:
    """A command of the command line."""
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


@cache
def properties(command: str) -> dict[str, Any]:
    """What the JSON schema of a command's question says of each field."""
    found: dict[str, Any] = validated(question_of(command)).model_json_schema()["properties"]
    return found


def section(command: str) -> str:
    """The part of the reference that a command has."""
    return REFERENCE.split(f"\n## {command}\n")[1].split("\n## ")[0]


@pytest.mark.each("command, asked", FIELDS)
def test_a_field_is_everywhere(command: str, asked: Asked) -> None:
    """Its class is the only place that names it."""
    question = question_of(command)
    parameter = next(p for p in command_of(command).params if p.name == asked.name)
    assert asked.ask.group in GROUPS
    assert asked.ask.unit in UNITS
    assert asked.ask.label
    meaning = help_of(question)[asked.name]
    assert meaning.endswith((".", "…"))
    if not asked.ask.argument:
        assert f"--{asked.field}" in parameter.opts
        assert f"`--{asked.field}`" in section(command)
    assert asked.name in properties(command)
    assert asked.is_flag or asked.ask.example


@pytest.mark.each("command, asked", [(c, a) for c, a in FIELDS if a.ask.example and c != "search"])
def test_its_example_is_read(command: str, asked: Asked) -> None:
    """By its own name and by every other; the same through the pydantic class."""
    question, text = question_of(command), asked.ask.example.strip("'")
    read = question.of({asked.name: text})
    assert read.given() or getattr(read, asked.name) == asked.default
    assert validated(question)(**{asked.name: text}) == read
    for alias in asked.ask.aliases:
        assert names(question)[alias] == asked.name
        assert question.of({alias: text}) == read


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_help_has_headings(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One for each group that the question has fields of, in the order of the groups."""
    main([command, "--help"])
    shown = capsys.readouterr().out
    wanted = [
        g for g in GROUPS if any(a.ask.group == g for a in asks(question_of(command)).values() if not a.ask.argument)
    ]
    heads = [line.removesuffix(":").partition(", beside ")[0] for line in shown.splitlines() if line.endswith(":")]
    found = [head for head in heads if head in wanted]
    assert found == wanted


def test_a_question_is_frozen_and_takes_nothing_else() -> None:
    """As read by ``of`` and as built from the class."""
    question = question_of("plan").of({"model": "gpt2"})
    with pytest.raises(ValidationError):
        question.model = "gpt2-xl"  # type: ignore[attr-defined]
    with pytest.raises(InputError, match="devices-per-nod: got 8; accepted: a known field; nearest: devices-per-node"):
        question_of("plan").of({"devices_per_nod": 8})


@pytest.mark.parametrize(
    ("command", "given", "line"),
    [
        ("plan", {"step_time": "5s"}, "step-time: got '5s'; accepted: nothing: plan does not use it"),
        ("plan", {"deadline": "30"}, "deadline: got '30'; accepted: a number with its unit, such as 30d"),
        ("predict", {"zero": "4"}, "zero: got '4'; accepted: 0, 1, 2, 3"),
        ("predict", {"recompute": "ful"}, "accepted: none, selective, full; nearest: full"),
        ("memory", {"optimizer": "adan"}, "nearest: adam"),
        ("search", {"tp": "2.5"}, "tp: got '2.5'; accepted: a whole number"),
        ("diagnose", {"slowest_rank": 0.5}, "slowest-rank: got 0.5; accepted: a number of at least 1, such as 1.15"),
        ("mfu", {"gpus": 8, "devices": 8}, "gpus: got 8; accepted: one of devices and gpus"),
        ("log", {"sparse": "yes"}, "sparse: got 'yes'; accepted: true or false"),
    ],
)
def test_refusals_are_one_line(command: str, given: dict[str, Any], line: str) -> None:
    """Field, what was given, what is accepted, the nearest."""
    with pytest.raises(InputError) as refused:
        question_of(command).of(given)
    assert line in str(refused.value)


@pytest.mark.parametrize(
    ("flag", "value", "field", "meant"),
    [
        ("--gpu", "h100-sxm", "hardware", "h100-sxm"),
        ("--gpus", "8", "devices", 8),
        ("--num-gpus", "8", "devices", 8),
        ("--precision", "bfloat16", "dtype", "bf16"),
        ("--tensor-model-parallel-size", "2", "tp", 2),
        ("--global-batch-size", "64", "global_batch", 64),
        ("--optimizer", "adamw", "optimizer", "adam"),
        ("--attention-kernel", "flash", "attention_kernel", "fused"),
        ("--zero", "fsdp", "zero", 3),
    ],
)
def test_names_that_people_try(
    flag: str, value: str, field: str, meant: object, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are taken; the answer calls the field by its own name."""
    import json

    base = {"--model": "gpt2", "--hardware": "h100-sxm", "--devices": "8", "--global-batch": "64"}
    base.pop(f"--{field.replace('_', '-')}", None)
    main(["predict", *(x for pair in base.items() for x in pair), flag, value, "--json"])
    assert json.loads(capsys.readouterr().out)["inputs"][field] == meant


def test_help_does_without_pydantic() -> None:
    """And without the units, NumPy or anything else that an answer needs."""
    import subprocess
    import sys

    code = (
        "import sys; from mfu_planner.cli.main import main\n"
        "try: main(['plan', '--help'])\nexcept SystemExit: pass\n"
        "heavy = ('pydantic', 'numpy', 'yaml', 'mfu_planner.units')\n"
        "print(sorted(m for m in heavy if m in sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_batch_that_nobody_named_is_said() -> None:
    """The exchange of gradients is spread over it, so it decides the answer; a batch in tokens is a named one."""
    asked = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "micro_batch": 4, "seq_len": 1024}

    assert any("global batch 32: one micro-batch of each" in note for note in predict(**asked).assumptions)
    for named in (64, "65536 tokens"):
        assert not any("global batch" in note for note in predict(**asked, global_batch=named).assumptions)


def test_a_batch_in_tokens_is_the_batch_in_sequences() -> None:
    """65,536 tokens of 1,024 each are 64 sequences: the same micro-batch is looked for."""
    asked = {"model": "gpt2", "hardware": "h100-sxm", "devices": 8, "seq_len": 1024}

    assert predict(**asked, global_batch="65536 tokens").step_time_s == predict(**asked, global_batch=64).step_time_s
