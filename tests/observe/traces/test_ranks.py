"""Many ranks: the late one is named, whoever reads the files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mfu_planner import read_trace
from mfu_planner.errors import InputError


@pytest.fixture
def ranks(make_trace: Any, names: dict[str, str], tmp_path: Path) -> str:
    """24 ranks, 10 collectives each: rank 17 computes 80 µs where the others compute 50, and so all wait for it.

    A collective ends everywhere at the same moment, 100 µs after the step began: the late rank spends 20 µs in it, the
    others 50.
    """
    for rank in range(24):
        trace = make_trace(distributedInfo={"backend": "nccl", "rank": rank, "world_size": 24})
        for step in range(10):
            begin, compute = step * 100.0, 80.0 if rank == 17 else 50.0
            trace.kernel(begin, begin + compute, launch=begin - 10)
            trace.kernel(
                begin + compute,
                begin + 100,
                names["reduce"],
                **{"Collective name": "allreduce", "Process Group Name": "0"},
            )
        trace.write(f"rank{rank}.json")
    return str(tmp_path)


def test_the_late_rank_is_named_and_what_the_others_lose_by_it(ranks: str) -> None:
    found = read_trace(ranks)

    assert found.late_rank == 17
    assert found.straggler is not None
    assert found.straggler.waited_for_s == pytest.approx(10 * 30e-6)
    assert any("rank 17 arrives last" in f.message for f in found.findings)


def test_processes_give_the_same_answer(ranks: str) -> None:
    assert read_trace(ranks, jobs=2) == read_trace(ranks, jobs=1)


def test_nobody_is_late_where_all_wait_alike(make_trace: Any, names: dict[str, str], tmp_path: Path) -> None:
    for rank in range(2):
        trace = make_trace(distributedInfo={"backend": "nccl", "rank": rank, "world_size": 2})
        trace.kernel(0, 50).kernel(50, 60, names["reduce"]).write(f"rank{rank}.json")

    assert read_trace(str(tmp_path)).late_rank is None


def test_an_error_in_another_process_is_the_same_line(ranks: str) -> None:
    Path(ranks, "rank3.json").write_text("no trace")
    with pytest.raises(InputError) as alone:
        read_trace(ranks, jobs=1)
    with pytest.raises(InputError) as apart:
        read_trace(ranks, jobs=2)

    assert str(apart.value) == str(alone.value)


@pytest.mark.parametrize("jobs", [0, -1, 5000])
def test_jobs_are_a_sensible_number(ranks: str, jobs: int) -> None:
    with pytest.raises(InputError, match="jobs: got"):
        read_trace(ranks, jobs=jobs)


@pytest.mark.extra
@pytest.mark.filterwarnings("ignore")
def test_a_dask_cluster_gives_the_same_answer(ranks: str) -> None:
    distributed = pytest.importorskip("distributed", reason="needs the extra dask")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        found = read_trace(ranks, scheduler=cluster.scheduler_address)

    assert found == read_trace(ranks)
