"""What README and pages show is what comes out: every command and Python block is run, every shown output compared."""

from __future__ import annotations

from pathlib import Path

import pytest
from blocks import blocks
from examples import ExampleError, rerun
from shell import ShellError, run
from sources import ROOT, pages, sketches

HOW = "; `python docs/_build --write` writes the outputs anew"


@pytest.mark.parametrize("path", pages(), ids=lambda p: p.relative_to(ROOT).as_posix())
def test_examples_give_what_the_page_shows(path: Path) -> None:
    """Commands succeed (or fail as shown), Python runs, outputs are equal line by line."""
    text = path.read_text("utf-8")

    assert text == rerun(text, ROOT, sketches=sketches(path)), f"{path.relative_to(ROOT)} shows an old output{HOW}"


def test_a_stale_output_is_seen() -> None:
    """The check itself: a wrong number in a console block and in a Python block is corrected."""
    page = (
        "```console\n$ mfu-planner flops --model gpt2 | grep parameters\n7 parameters\n```\n\n"
        "```python\n>>> 1 + 1\n3\n```\n"
    )

    fresh = rerun(page, ROOT)

    assert "124,439,808" in fresh
    assert ">>> 1 + 1\n2\n" in fresh


@pytest.mark.parametrize(
    "page",
    [
        "```console\n$ mfu-planner plan --modle x\n```\n",
        "```console\n$ mfu-planner plan --model no-such-model --devices 1\n```\n",
        "```console\n$ some-other-program\n```\n",
        "```console\n$ make no-such-target\n```\n",
        "```console\nno prompt\n```\n",
        "```python\nraise ValueError('x')\n```\n",
        "```python\n>>> undefined\n```\n",
        "```py\nno python at all\n```\n",
    ],
)
def test_a_failing_example_is_an_error(page: str) -> None:
    """A command that fails, a program that is not ours, a target that is not there, an exception."""
    with pytest.raises(ExampleError):
        rerun(page, ROOT)


def test_files_that_blocks_show_can_be_used() -> None:
    """A block with a file's name is that file for the commands after it."""
    page = (
        '```yaml title="plan.yaml"\nmodel: gpt2\nhardware: t4\ndevices: 1\ntokens: 1B\nmfu: 30%\ndtype: fp16\n```\n\n'
        "```console\n$ mfu-planner plan --file plan.yaml | grep tokens\n…\n```\n"
    )

    assert "1B" in rerun(page, ROOT)


def test_pipes_and_unknown_pipes() -> None:
    """``head`` and ``grep`` are understood, anything else is refused."""
    assert run("mfu-planner models | head -n 1")[0].count("\n") == 0
    with pytest.raises(ShellError):
        run("mfu-planner models | sed s/a/b/")


def test_an_open_fence_is_an_error() -> None:
    """A block that is never closed would swallow the rest of the page."""
    with pytest.raises(ValueError, match="never closed"):
        blocks("```console\n$ x\n")
