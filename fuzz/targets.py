"""What is fuzzed: for each target, a command line (and the files that it names) made from a seed."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from pathlib import Path

import click

from fuzz.values import mutated, number_changed, odd
from mfu_planner.facts import folder
from mfu_planner.questions.commands import COMMANDS, question_of
from mfu_planner.questions.question import asks

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "tests" / "observe" / "samples"
BASE = {
    "plan": {"model": "gpt2", "hardware": "h100-sxm", "tokens": "1B", "devices": "8", "mfu": "40%"},
    "mfu": {"model": "gpt2", "hardware": "h100-sxm", "tokens-per-second": "1M", "devices": "8"},
    "flops": {"model": "gpt2", "seq-len": "128"},
    "predict": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "global-batch": "64"},
    "memory": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "global-batch": "64"},
    "search": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "global-batch": "64", "space": "usual"},
    "diagnose": {"model": "gpt2", "hardware": "h100-sxm", "devices": "8", "tokens-per-second": "1M"},
    "hardware": {},
    "models": {},
}
"""A question with an answer for each command; its fields are what the question's class has, whatever they are."""
OFF = {"specs", "prometheus", "textfile", "otel", "template", "scheduler", "out", "o"}
"""Fields that write or serve."""
Made = tuple[list[str], str]
"""(arguments, the text that stands for a file, empty where none does)."""


def options(command: str) -> tuple[list[str], list[str]]:
    """(options with a value, options without) of a command, as the command line has them."""
    built: click.Command = import_module(f"mfu_planner.cli.{command}").command
    found = [p for p in built.params if isinstance(p, click.Option) and p.name not in OFF]
    valued = [p.opts[-1] for p in found if not p.is_flag]
    return valued, [name for p in found if p.is_flag and p.name != "help" for name in (*p.opts, *p.secondary_opts)]


@cache
def usual(command: str) -> dict[str, tuple[str, ...]]:
    """Option → values that make sense there: the field's choices, or its example."""
    if command not in COMMANDS:
        return {}
    found = asks(question_of(command))
    return {
        f"--{name.replace('_', '-')}": tuple(map(str, asked.choices)) or (asked.ask.example,)
        for name, asked in found.items()
        if asked.choices or asked.ask.example
    }


def question(command: str, random_: random.Random) -> Made:
    """A question with up to three of its fields odd."""
    valued, bare = options(command)
    given = {f"--{name}": value for name, value in BASE[command].items()}
    for _ in range(random_.choice((1, 1, 2, 3))):
        if valued:
            name = random_.choice(valued)
            known = usual(command).get(name, ())
            given[name] = random_.choice(known) if known and random_.random() < 0.6 else odd(random_)
    flags = [random_.choice(bare)] if bare and random_.random() < 0.3 else []
    words = [odd(random_)] if command in ("hardware", "models") and random_.random() < 0.8 else []
    return [command, *(f"{k}={v}" for k, v in given.items()), *flags, "--json", "--", *words], ""


def config(random_: random.Random) -> Made:
    """A ``config.json`` with a field gone, exchanged, nested or of another type."""
    source = json.loads(random_.choice(_presets()).read_text("utf-8"))
    data = source.get("config", source)
    for _ in range(random_.choice((1, 1, 2, 4))):
        key = random_.choice(list(data) or ["model_type"])
        value = data.get(key)
        if random_.random() < 0.25:
            data.pop(key, None)
        elif isinstance(value, int | float) and random_.random() < 0.6:
            data[key] = value * random_.choice((0, -1, 2, 3, 0.5, 1e9, 10**30))
        else:
            data[key] = random_.choice(
                (None, "x", [], {}, [[]], True, -1, 0, 1.5, 1e400, "8", odd(random_), data.copy())
            )
    text = json.dumps(data)
    if random_.random() < 0.1:
        text = mutated(text, random_, 3)
    command = random_.choice(("flops", "plan", "memory", "predict"))
    more = {"flops": [], "plan": ["--tokens=1B", "--mfu=0.4", "--hardware=h100-sxm", "--devices=8"]}.get(
        command, ["--hardware=h100-sxm", "--devices=8", "--global-batch=64"]
    )
    return [command, "--config=FILE", "--seq-len=256", *more, "--json"], text


def log(random_: random.Random) -> Made:
    """A log with lines gone, doubled, garbled, of another format, or with other numbers."""
    text = _text(random_.choice(_logs()))
    for _ in range(random_.choice((1, 2, 5, 20))):
        lines = text.splitlines(keepends=True) or [""]
        at = random_.randrange(len(lines))
        lines[at] = random_.choice((number_changed(lines[at], random_), mutated(lines[at], random_), lines[at] * 2, ""))
        if random_.random() < 0.1:
            lines.insert(at, random_.choice((_text(random_.choice(_logs()))).splitlines(keepends=True) or ["\n"]))
        text = "".join(lines)
    flags = random_.choice(
        ([], ["--devices=8"], ["--model=gpt2", "--hardware=h100-sxm", "--devices=8", "--seq-len=1024"])
    )
    return ["log", "FILE", *flags, "--json"], text


def trace(random_: random.Random) -> Made:
    """A small Chrome trace, its events odd."""
    events = []
    for i in range(random_.choice((0, 1, 12, 40))):
        event: dict[str, object] = {
            "ph": random_.choice("XXXXMBEi"),
            "cat": random_.choice(("kernel", "gpu_memcpy", "cuda_runtime", "cpu_op", "x")),
            "name": random_.choice(("gemm_bf16", "ncclDevKernel_AllReduce", "ProfilerStep#3", "cudaLaunchKernel")),
            "ts": 10.5 * i,
            "dur": random_.choice((7.25, 0, -1, 1e300, "x", None, 5)),
            "pid": 0,
            "tid": 7,
            "args": random_.choice(({"stream": 7, "device": 0, "correlation": i}, {}, None, [], {"device": []})),
        }
        if random_.random() < 0.2:
            event[random_.choice(list(event))] = random_.choice((None, [], {}, "nan", 1e999, -1, odd(random_)))
        events.append(event)
    text = json.dumps({"deviceProperties": [{"id": 0, "name": "NVIDIA H100 80GB HBM3"}], "traceEvents": events})
    return ["trace", "FILE", "--json"], mutated(text, random_, 2) if random_.random() < 0.3 else text


def plan_file(random_: random.Random) -> Made:
    """A ``plan.yaml`` with keys and values of every question."""
    valued, _ = options("plan")
    keys = [name.lstrip("-").replace("-", "_") for name in valued]
    lines = ["model: gpt2", "hardware: h100-sxm", "devices: 8", "mfu: 0.4", "tokens: 1B"]
    for _ in range(random_.choice((1, 2, 4))):
        value = random_.choice(
            (odd(random_), "[]", "[{tokens: 1B}]", "{a: 1}", ".nan", "2026-01-01", "!!python/none", "&a [*a]")
        )
        lines.append(f"{random_.choice([*keys, 'stages', odd(random_)])}: {value}")
    return ["plan", "--file=FILE", "--json"], "\n".join(lines) + "\n"


def hardware_file(random_: random.Random) -> Made:
    """A hardware file of the catalogue, garbled, in a folder of the user's own."""
    files = sorted((folder("hardware_specs") / "accelerators").rglob("*.yaml")) or sorted(
        folder("hardware_specs").rglob("*.yaml")
    )
    text = random_.choice(files).read_text("utf-8")
    for _ in range(random_.choice((1, 2, 6))):
        text = random_.choice((number_changed, mutated))(text, random_)
    return ["hardware", "--specs=FOLDER", "--json"], text


def runs(random_: random.Random) -> Made:
    """Rows of published runs with odd cells."""
    rows = list(csv.DictReader(io.StringIO(_text(folder("published_runs") / "runs.csv"))))
    picked = [dict(random_.choice(rows)) for _ in range(random_.choice((1, 3, 10)))]
    for row in picked:
        for _ in range(random_.choice((0, 1, 3))):
            row[random_.choice(list(row))] = odd(random_)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(picked)
    kind = random_.choice(("step-time", "mfu", "memory", "total"))
    return ["backtest", f"--kind={kind}", "--runs=FILE", "--json"], out.getvalue()


def page(random_: random.Random) -> Made:
    """A page of the form under odd query values: ``page NAME`` stands for a command, the query for its options."""
    name = random_.choice(("plan", "measure", "diagnose", "layout", "hardware", "models", "compare", "learn"))
    valued, _ = options({"measure": "mfu", "layout": "predict", "diagnose": "diagnose"}.get(name, "plan"))
    query = {"model": "gpt2", "hardware": "h100-sxm", "devices": "8"} if random_.random() < 0.7 else {}
    for _ in range(random_.choice((1, 2, 3))):
        key = random_.choice(valued).lstrip("-").replace("-", "_") if random_.random() < 0.8 else odd(random_)
        query[key] = odd(random_)
    return ["page", name, *(f"{k}={v}" for k, v in query.items())], ""


TARGETS: dict[str, Callable[[random.Random], Made]] = {
    **{name: partial(question, name) for name in BASE},
    "config.json": config, "log file": log, "trace file": trace, "plan.yaml": plan_file,
    "hardware file": hardware_file, "runs.csv": runs, "page": page,
}  # fmt: skip
WEIGHTS = {"plan": 6, "mfu": 6, "flops": 4, "predict": 5, "memory": 4, "config.json": 8, "log file": 8, "plan.yaml": 4}
"""How often a target is drawn; the others once."""


def drawn(seed: int, only: str | None = None) -> Iterator[tuple[str, Made]]:
    """(target, made) without end, the same for the same seed."""
    random_ = random.Random(seed)
    names = [n for n in TARGETS if only is None or n == only]
    while True:
        name = random_.choices(names, [WEIGHTS.get(n, 1) for n in names])[0]
        yield name, TARGETS[name](random_)


def _presets() -> list[Path]:
    return [p for p in sorted(folder("model_specs").glob("*.json")) if p.name != "index.json"]


def _logs() -> list[Path]:
    return [p for p in sorted(SAMPLES.iterdir()) if p.is_file() and p.name != "expected.csv"]


def _text(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace")
