"""Results in Python: one line, the command's table, a notebook's cell, a data frame."""

import pytest
from click.testing import CliRunner

from mfu_planner import backtest, diagnose, flops, measure, memory, plan, predict, read_log, search
from mfu_planner.cli.main import group

MODEL = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64}
LOG = "step: 10 loss: 2.1 memory: 30.91GiB(32.53%) tps: 7,663 tflops: 443.78 mfu: 44.87%\n" * 3
ANSWERS = {
    "plan": lambda: plan(**MODEL, tokens="1T", mfu="40%"),
    "mfu": lambda: measure(**MODEL, tokens_per_second_per_device=7000),
    "flops": lambda: flops(model="llama-3.1-8b", seq_len=4096),
    "predict": lambda: predict(**MODEL, global_batch=512),
    "memory": lambda: memory(**MODEL, global_batch=512),
    "search": lambda: search(**MODEL, global_batch=512, top=3),
    "diagnose": lambda: diagnose(**MODEL, global_batch=512, tokens_per_second_per_device=5000),
    "backtest": lambda: backtest(kind="total"),
    "log": lambda: read_log(LOG),
}


@pytest.fixture(scope="module", params=ANSWERS)
def answer(request):
    return ANSWERS[request.param]()


def test_a_shell_shows_one_line(answer) -> None:
    line = repr(answer)
    assert line.startswith(f"{type(answer).__name__}(")
    assert "=" in line
    assert "\n" not in line
    assert len(line) < 250


def test_print_is_a_table(answer) -> None:
    text = str(answer)
    assert len(text.splitlines()) >= 3
    assert all(line == line.rstrip() for line in text.splitlines())


def test_a_notebook_shows_the_same_as_html(answer) -> None:
    html = answer._repr_html_()
    assert html.startswith("<pre")
    assert html.endswith("</pre>")


def test_rows_are_a_data_frame(answer) -> None:
    assert len(answer.to_pandas()) >= 1


def test_print_is_what_the_command_prints() -> None:
    said = CliRunner().invoke(group, ["plan", "--model", "llama-3.1-8b", "--hardware", "h100-sxm", "--devices", "64",
                                      "--tokens", "1T", "--mfu", "40%"], terminal_width=100)  # fmt: skip
    shown = str(ANSWERS["plan"]())
    assert "26.46 days" in shown
    assert said.output.split()[:40] == shown.split()[:40]


def test_what_a_log_says_is_text_in_a_notebook() -> None:
    assert "<script>" not in read_log(LOG.replace("loss:", "<script>alert(1)</script>:"))._repr_html_()


def test_the_rows_of_a_search_are_its_layouts() -> None:
    found = ANSWERS["search"]()
    assert list(found.to_pandas()["step_time_s"]) == [row["step_time_s"] for row in found.layouts]
