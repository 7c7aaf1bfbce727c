"""What is no regular file is refused in one line, at once, wherever a file is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import backtest, flops, plan_file, read_log, read_trace
from mfu_planner.errors import InputError
from mfu_planner.facts import open_file

READERS: dict[str, Callable[[str], Any]] = {
    "log": read_log,
    "trace": read_trace,
    "config": lambda path: flops(config=path, seq_len=8),
    "runs": lambda path: backtest(runs=path),
    "plan file": plan_file,
}


@pytest.fixture(params=["/dev/zero", "/dev/urandom", "pipe", "loop", "missing"])
def strange(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A device that never ends, a pipe that nobody writes to, a link to itself, nothing."""
    path = tmp_path / str(request.param).strip("/").replace("/", "-")
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "loop":
        path.symlink_to(path)
    elif request.param.startswith("/dev"):
        path.symlink_to(request.param)
    return str(path)


@pytest.mark.parametrize("reader", sorted(READERS))
def test_no_reader_waits_for_it(reader: str, strange: str) -> None:
    with pytest.raises(InputError, match=r": got '"):
        READERS[reader](strange)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(2 << 30)

    with pytest.raises(InputError, match="at most 67,108,864 bytes"):
        backtest(runs=str(path))
    with pytest.raises(InputError, match="at most 10 bytes"):
        open_file(path, "file", "small", limit=10)
