"""How long commands take beside ``python -c "import sympy"``: pairs in one run, medians of whole processes.

Usage: python benchmarks/startup.py [pairs]
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

CLI = str(Path(sys.executable).with_name("mfu-planner"))
RUN = {"model": "llama-3.1-8b", "hardware": "h100-sxm", "devices": "64", "tokens": "1T", "mfu": "0.4"}
PLAN = ["plan", *(part for name, value in RUN.items() for part in (f"--{name}", value)), "--json"]
COMMANDS = {
    "--help": ([CLI, "--help"], 0.40),
    "plan --json": ([CLI, *PLAN], 1.0),
    "hardware --json": ([CLI, "hardware", "--json"], 0.6),
    "flops --json": ([CLI, "flops", "--model", "deepseek-v3", "--seq-len", "4096", "--json"], 1.2),
}


def seconds(command: list[str]) -> float:
    """Wall time of one process."""
    start = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def main(pairs: int = 15) -> None:
    """Alternate each command with the yardstick and print the ratio of the medians."""
    yardstick = [sys.executable, "-c", "import sympy"]
    for name, (command, goal) in COMMANDS.items():
        seconds(command), seconds(yardstick)
        taken = [(seconds(command), seconds(yardstick)) for _ in range(pairs)]
        own, base = (statistics.median(t) for t in zip(*taken, strict=True))
        print(f"{name:16} {1000 * own:6.0f} ms   {own / base:5.2f} × import sympy   (goal {goal})")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
