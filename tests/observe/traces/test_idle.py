"""Idle gaps of one known cause each; two kernels, [0, 100) and one after it, and what the host did in between."""

from __future__ import annotations

import pytest

from mfu_planner.observe.traces import read_trace
from mfu_planner.observe.traces.idle import CAUSES

LOADER = "enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__"


def idle(trace):
    """Idle microseconds by cause, zeros left out; they add up to the idle time."""
    report = read_trace(trace.write())

    assert tuple(report.idle) == CAUSES
    assert report.idle_s == pytest.approx(sum(report.idle.values()))
    return {cause: round(seconds * 1e6, 6) for cause, seconds in report.idle.items() if seconds > 1e-12}


@pytest.fixture
def first(make_trace):
    """A trace with a kernel on [0, 100), asked for ten microseconds earlier."""
    return make_trace().kernel(0, 100, launch=-10)


def test_late_launch_is_the_hosts(first):
    """Launched at 190, started at 200: 90 of waiting for the host, 10 for the launch to arrive."""
    first.kernel(200, 300, launch=190)

    assert idle(first) == {"host": 90, "launch_gap": 10}


def test_data_is_what_the_loader_took_of_it(first):
    """The loader's span 110–180 is 70 of the 90 before the launch."""
    first.span(LOADER, 110, 180).kernel(200, 300, launch=190)

    assert idle(first) == {"host": 20, "data": 70, "launch_gap": 10}


@pytest.mark.parametrize(
    "name", ["get_batch", "## data ##", "data_loading", "next(data_iter)", "Fetch batch", "load_data"]
)
def test_names_people_give_to_the_loader(first, name):
    """Own annotations count as the loader's too."""
    first.span(name, 100, 190).kernel(200, 300, launch=190)

    assert idle(first) == {"data": 90, "launch_gap": 10}


@pytest.mark.parametrize("name", ["forward", "update_database", "metadata", "aten::batch_norm", "unload_batchnorm"])
def test_names_that_are_not_a_loaders(first, name):
    """Words that merely contain 'data' or 'batch' do not."""
    first.span(name, 100, 190).kernel(200, 300, launch=190)

    assert idle(first) == {"host": 90, "launch_gap": 10}


def test_synchronisation_that_drained_the_queue(first):
    """The host waited from 50 to 105 for the device: everything until the next launch follows from it."""
    first.call("cudaStreamSynchronize", 50, 105).kernel(200, 300, launch=190)

    assert idle(first) == {"synchronisation": 90, "launch_gap": 10}


def test_synchronisation_explains_only_the_refill(first):
    """After the blocking call's end the host has 1000 µs; what it takes beyond them is the host's own."""
    first.call("hipDeviceSynchronize", 50, 105).kernel(5110, 5200, launch=5100)

    assert idle(first) == {"synchronisation": 1005, "host": 3995, "launch_gap": 10}


def test_synchronisation_of_an_idle_device_is_harmless(first):
    """A blocking call that began after the device had stopped did not stop it."""
    first.call("cudaDeviceSynchronize", 120, 130).kernel(200, 300, launch=190)

    assert idle(first) == {"host": 90, "launch_gap": 10}


def test_synchronisation_in_a_thread_that_launches_nothing(first):
    """A watchdog that waits for the device holds nobody up."""
    first.call("cudaEventSynchronize", 50, 105).kernel(200, 300, launch=190)
    first.events[-3]["tid"] = 99

    assert idle(first) == {"host": 90, "launch_gap": 10}


def test_blocking_copy_counts_as_synchronisation(make_trace):
    """A copy to the host whose call returns only after the copy was made (what ``.item()`` does)."""
    trace = make_trace().kernel(0, 100, launch=-10)
    trace.kernel(100, 102, "Memcpy DtoH (Device -> Pageable)", category="gpu_memcpy")
    trace.event("cuda_runtime", "cudaMemcpyAsync", 20, 86, correlation=2)
    trace.kernel(160, 200, launch=150)

    assert idle(trace) == {"synchronisation": 48, "launch_gap": 10}


def test_allocation(first):
    """cudaMalloc from 120 to 150."""
    first.call("cudaMalloc", 120, 150).kernel(200, 300, launch=190)

    assert idle(first) == {"host": 60, "allocation": 30, "launch_gap": 10}


def test_stream_ordered_allocation_does_not_block(first):
    """cudaMallocAsync is queued like a kernel."""
    first.call("cudaMallocAsync", 120, 150).kernel(200, 300, launch=190)

    assert idle(first) == {"host": 90, "launch_gap": 10}


def test_queued_kernel_behind_another_streams_event(first):
    """Launched at 50, right after a stream wait; it starts at 130."""
    first.call("cudaStreamWaitEvent", 45, 47).kernel(130, 300, launch=50, stream=20)

    assert idle(first) == {"stream_wait": 30}


def test_pause_between_queued_kernels(first):
    """Launched while the first one ran: three microseconds between them."""
    first.kernel(103, 300, launch=50)

    assert idle(first) == {"launch_gap": 3}


def test_long_delay_without_a_reason(first):
    """Queued at 50, started 300 late, and no wait in the trace."""
    first.kernel(400, 500, launch=50)

    assert idle(first) == {"unexplained": 300}


def test_long_delay_after_a_wait_some_launches_ago(first):
    """The wait came earlier than right before the launch, but since the stream's previous one."""
    first.call("cudaStreamWaitEvent", 40, 41)
    first.kernel(20, 90, launch=45, stream=9).kernel(400, 500, launch=50, stream=7)

    assert idle(first) == {"stream_wait": 300}


def test_long_launch_call_is_the_hosts(first):
    """A call from 110 to 600 (loading a module): the host is still at it when the kernel starts at 590."""
    first.kernel(590, 700, launch=110, took=490)

    assert idle(first) == {"host": 490}


def test_without_host_calls_nothing_is_guessed(make_trace):
    """Device-only traces: unexplained, with a warning."""
    trace = make_trace().kernel(0, 100).kernel(200, 300)
    report = read_trace(trace.write())

    assert report.idle["unexplained"] == pytest.approx(100e-6)
    assert any("host call" in warning for warning in report.warnings)


def test_graph_launch_explains_its_kernels(make_trace):
    """Kernels of a CUDA graph share the launch's correlation id: gaps between them are launch gaps."""
    trace = make_trace().event("cuda_runtime", "cudaGraphLaunch", -20, 10, correlation=5)
    trace.kernel(0, 100, correlation=5).kernel(102, 200, correlation=5).kernel(205, 300, correlation=5)

    assert idle(trace) == {"launch_gap": 7}
