"""Many people at once: sessions that each change a field every few seconds, over the form's own protocol.

    python benchmarks/app_load.py [--sessions 50] [--changes 3] [--every 10] [--address http://127.0.0.1:8501]

Without ``--address`` the form is served on a free port.  Prints the times from a change to the end of its answer, and
the server's memory; exit status 1 where a session got an error or the 95th percentile is above the limit.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import connect

ROOT = Path(__file__).resolve().parents[1]
LIMIT_S = 1.5
_PATIENCE_S = 60


class Session:
    """One visitor."""

    def __init__(self, socket_: Any) -> None:
        """Over an open websocket."""
        self._socket = socket_
        self._field = ""
        self.errors = 0

    async def first_page(self) -> float:
        """Open the Plan page; seconds."""
        message = BackMsg()
        message.rerun_script.query_string = ""
        return await self._ask(message)

    async def change(self, mfu: str) -> float:
        """Type another MFU; seconds until the whole answer is there."""
        message = BackMsg()
        message.rerun_script.query_string = f"mfu={mfu.replace('%', '%25')}"
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.string_value = self._field, mfu
        return await self._ask(message)

    async def _ask(self, message: BackMsg) -> float:
        start = time.perf_counter()
        await self._socket.send(message.SerializeToString())
        while True:
            answer = ForwardMsg()
            answer.ParseFromString(await asyncio.wait_for(self._socket.recv(), _PATIENCE_S))
            self._look(answer)
            if answer.WhichOneof("type") == "script_finished":
                return time.perf_counter() - start

    def _look(self, answer: ForwardMsg) -> None:
        if answer.WhichOneof("type") != "delta" or answer.delta.WhichOneof("type") != "new_element":
            return
        element = answer.delta.new_element
        kind = element.WhichOneof("type")
        self.errors += kind == "exception"
        if kind == "text_input" and element.text_input.id.endswith("-mfu"):
            self._field = element.text_input.id


async def visit(address: str, changes: int, every: float, delay: float) -> tuple[float, list[float], int]:
    """One session from its first page to its last change."""
    await asyncio.sleep(delay)
    url = address.replace("http", "ws", 1) + "/_stcore/stream"
    async with connect(url, subprotocols=["streamlit"], max_size=None, origin=address) as opened:
        session = Session(opened)
        first = await session.first_page()
        times = []
        for _ in range(changes):
            await asyncio.sleep(every)
            times.append(await session.change(f"{random.randint(200, 600) / 10}%"))
        return first, times, session.errors


async def run(address: str, sessions: int, changes: int, every: float) -> int:
    """All sessions, spread over one interval; the report."""
    visits = [visit(address, changes, every, every * i / sessions) for i in range(sessions)]
    found = await asyncio.gather(*visits, return_exceptions=True)
    failed = [f for f in found if isinstance(f, BaseException)]
    done = [f for f in found if not isinstance(f, BaseException)]
    firsts = [first for first, _, _ in done]
    times = sorted(t for _, each, _ in done for t in each)
    errors = len(failed) + sum(e for _, _, e in done)
    print(f"sessions {sessions}, changes {len(times)}, errors {errors}")
    for error in failed[:3]:
        print(f"failed: {error!r}", file=sys.stderr)
    if not times:
        return 1
    print(f"first page: median {statistics.median(firsts):.2f} s, slowest {max(firsts):.2f} s")
    late = times[int(0.95 * len(times))]
    print(f"change: median {statistics.median(times):.3f} s, 95th percentile {late:.3f} s, slowest {times[-1]:.3f} s")
    return 1 if errors or late > LIMIT_S else 0


def serve() -> tuple[subprocess.Popen[bytes], str]:
    """The form on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = "from mfu_planner.cli.main import main; main()"
    command = [sys.executable, "-c", start, "app", "--port", str(port), "--address", "127.0.0.1"]
    server = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/_stcore/health", timeout=2).close()
            break
        except OSError:
            time.sleep(0.1)
    time.sleep(3)  # the warm-up of the server
    return server, address


def memory_mib(pid: int) -> float:
    """Resident memory of a process."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(text.split("VmRSS:")[1].split()[0]) / 1024


def main() -> int:
    """Parse, serve where needed, measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=50)
    parser.add_argument("--changes", type=int, default=3)
    parser.add_argument("--every", type=float, default=10.0)
    parser.add_argument("--address")
    given = parser.parse_args()
    if given.address:
        return asyncio.run(run(given.address, given.sessions, given.changes, given.every))
    server, address = serve()
    try:
        before = memory_mib(server.pid)
        status = asyncio.run(run(address, given.sessions, given.changes, given.every))
        after = memory_mib(server.pid)
        print(f"memory: {before:.0f} MiB before, {after:.0f} MiB with {given.sessions} sessions behind it")
        return status
    finally:
        server.terminate()
        server.wait(timeout=20)


if __name__ == "__main__":
    sys.exit(main())
