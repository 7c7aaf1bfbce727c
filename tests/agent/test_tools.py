"""The tools without a protocol: their arguments, their answers, which files they read."""

from __future__ import annotations

import inspect
import json
from pathlib import Path

import pytest

from mfu_planner import measure, plan
from mfu_planner.agent.files import checked
from mfu_planner.agent.tools import error_text, tools
from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.questions.commands import question_of
from mfu_planner.questions.question import asks

LOG = """step: 10  loss: 7.1  memory: 60.2GiB(76.0%)  tps: 5,012  tflops: 290.3  mfu: 29.35%
step: 20  loss: 6.9  memory: 60.2GiB(76.0%)  tps: 5,010  tflops: 290.2  mfu: 29.34%
step: 30  loss: 6.8  memory: 60.2GiB(76.0%)  tps: 5,014  tflops: 290.4  mfu: 29.36%
"""
MODEL = {"model_type": "llama", "hidden_size": 512, "intermediate_size": 1024, "num_hidden_layers": 2}
MODEL |= {"num_attention_heads": 8, "num_key_value_heads": 8, "vocab_size": 1000}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a log, a config and links, and what lies beside it."""
    (tmp_path / "secret.json").write_text(json.dumps(MODEL))
    here = tmp_path / "runs"
    (here / "deep").mkdir(parents=True)
    (here / "train.log").write_text(LOG)
    (here / "deep" / "config.json").write_text(json.dumps(MODEL))
    (here / "link.json").symlink_to(tmp_path / "secret.json")
    (here / "linked").mkdir()
    (here / "linked" / "out").symlink_to(tmp_path)
    return here


def test_arguments_are_those_of_the_commands() -> None:
    """Every field of the question, each with what it means; about eight tools."""
    made = tools(None)
    assert 8 <= len(made) <= 10
    for name, (call, told) in made.items():
        parameters = inspect.signature(call).parameters
        assert told
        assert all(p.annotation.__metadata__[0].description for p in parameters.values())
        if name != "hardware":
            assert set(asks(question_of(name))) - {"files"} <= set(parameters)


def test_answers_are_those_of_the_calls(folder: Path) -> None:
    """The same numbers as from Python."""
    made = tools(folder)
    asked = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": 64}
    assert made["plan"][0](**asked, tokens="1T", mfu="40%") == plan(**asked, tokens="1T", mfu="40%").as_json()
    seen = made["mfu"][0](**asked, tokens_per_second_per_device=4000)
    assert seen["mfu"] == measure(**asked, tokens_per_second_per_device=4000).mfu
    assert made["log"][0](files=["train.log"])["tokens_per_s_per_device"] == pytest.approx(5012, rel=1e-3)
    assert made["flops"][0](config="deep/config.json", seq_len=128)["params"]["total"] > 0
    assert made["hardware"][0](name="p5.48xlarge")["id"] == "h100-sxm"


@pytest.mark.parametrize(
    "path", ["../secret.json", "deep/../../secret.json", "link.json", "/etc/hostname", "linked", "~/x", "a\0b"]
)
def test_files_outside_the_folder_are_refused(folder: Path, path: str) -> None:
    """By dots, by a link, absolutely, by a folder with a link in it; a file that is not there is not found."""
    with pytest.raises(InputError):
        tools(folder)["flops"][0](config=path, seq_len=128)


def test_without_a_folder_no_file_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even one in the current folder, nor one that is smuggled into another field; a config's content is fine."""
    monkeypatch.chdir(folder)
    made = tools(None)
    for given in ({"config": "deep/config.json"}, {"model": "link.json"}):
        with pytest.raises(InputError, match="folder"):
            made["flops"][0](**given, seq_len=128)
    with pytest.raises(InputError, match="folder"):
        made["log"][0](files=["-"])
    assert made["flops"][0](config=MODEL, seq_len=128)["params"]["total"] > 0


def test_paths_are_shown_as_they_were_given(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error does not tell where the folder lies."""
    monkeypatch.chdir(folder)
    assert checked({"config": "deep/config.json"}, Path()) == {"config": "deep/config.json"}
    with pytest.raises(InputError) as refused:
        tools(Path())["log"][0](files=["gone.log"])
    assert str(folder) not in str(refused.value)


def test_errors_are_the_command_lines_with_their_parts() -> None:
    """Field, value, what is accepted, the nearest names."""
    with pytest.raises(InputError) as refused:
        plan(model="llama-3.1-8", hardware="h100-sxm", devices=8, tokens="1T", mfu=0.4)
    said = json.loads(error_text(refused.value))
    assert said["message"] == str(refused.value)
    assert said["field"] == "model"
    assert "llama-3.1-8b" in said["nearest"]
    assert json.loads(error_text(NoAnswer("no")))["message"] == "no"
