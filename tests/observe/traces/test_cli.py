"""``mfu-planner trace``: the contract of its JSON, what people see, and how it fails."""

from __future__ import annotations

import json

import pytest

from mfu_planner.cli.main import main

KEYS = {
    "schema_version",
    "window_s",
    "busy_s",
    "compute_s",
    "communication_s",
    "exposed_communication_s",
    "idle_s",
    "idle",
    "device",
    "world_size",
    "overlap",
    "steps",
    "kernels",
    "ranks",
    "straggler",
    "findings",
    "warnings",
}


@pytest.fixture
def path(make_trace, names):
    trace = make_trace(deviceProperties=[{"id": 0, "name": "NVIDIA [H100] 80GB HBM3"}]).span("ProfilerStep#1", 0, 400)
    trace.kernel(0, 100, launch=-10).kernel(200, 300, names["reduce"], launch=190)
    return trace.kernel(300, 310, "[bold]odd[/bold] name", launch=250).write()


def test_json_has_the_contract_keys_and_nothing_else_on_stdout(path, capsys):
    """One object; a missing world size is null and warned of."""
    main(["trace", path, "--json"])

    out, err = capsys.readouterr()
    report = json.loads(out)
    assert set(report) >= KEYS
    assert report["world_size"] is None
    assert "world size" in err
    assert report["idle"]["host"] == pytest.approx(90e-6)


def test_people_see_shares_and_findings(path, capsys):
    """Shares of the window; markup in names is text."""
    main(["trace", path])

    out = capsys.readouterr().out
    assert "[H100]" in out
    assert "[bold]odd" in out
    assert "trace/idle-host" in out
    assert "67.7%" in out  # 210 of 310 busy


@pytest.mark.parametrize(
    ("args", "status"),
    [
        (["nowhere.json"], 2),
        ([], 2),
        (["PATH", "--window", "all"], 2),
        (["PATH", "--step", "9"], 1),
        (["PATH", "--step", "-"], 2),
        (["PATH", "--model", "gpt3-banana", "--global-batch", "8"], 2),
        (["PATH", "--global-batch", "8"], 2),
    ],
)
def test_failures_are_one_line(path, args, status, capsys):
    """Exit 2 for bad input, 1 where there is no answer."""
    with pytest.raises(SystemExit) as caught:
        main(["trace", *[path if a == "PATH" else a for a in args], "--json"])

    out, err = capsys.readouterr()
    assert (caught.value.code, out) == (status, "")
    assert len(err.strip().splitlines()) == 1
