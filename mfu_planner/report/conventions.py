"""The page on conventions, ``docs/conventions.md``: written from the definitions, so that it cannot drift.

``python -m mfu_planner.report.conventions --write`` writes it; without ``--write`` it says whether it is fresh.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mfu_planner.counting.conventions import by_convention, convention, names
from mfu_planner.counting.conventions.definition import Convention, CountedExperts, Embedding, Norms, Weights
from mfu_planner.counting.conventions.written import LETTERS, latex
from mfu_planner.operators import Workload
from mfu_planner.questions.model import choose_model

PAGE = Path(__file__).parents[2] / "docs" / "conventions.md"

_MODELS = (
    ("llama-2-7b", 4096),
    ("llama-3-70b", 8192),
    ("gpt-3-175b", 2048),
    ("mixtral-8x7b", 4096),
    ("deepseek-v3", 4096),
)

_INTRO = """\
# What a FLOP count counts

<!-- Written by `python -m mfu_planner.report.conventions --write`. -->

MFU is model FLOPs over what the hardware could do.
The hardware's side is a datasheet; the model's side is a convention, and the field has many.
The same run's MFU differs by a third with the convention alone, so two published figures can only be compared once both
are counted alike.

`--convention NAME` counts as that source counts; `mfu-planner flops --convention all` shows every one for your model,
`--symbolic` derives each as a formula for your model, and `--explain` puts your numbers in.

All of them are points in one space of switches over the same list of operators:
which (query, key) pairs of attention count, whether weights count as products or through the number of parameters,
whether embedding, head, router and norms are in, whether every expert or only the chosen ones.
One multiply-add is 2 FLOP, a training step is one forward pass and a backward pass of twice its size.
"""

_BEYOND = """
## Beyond the field's formulas

`full` and `causal` are exact: every operator's forward product, its input gradient and its weight gradient, each where
somebody needs it.
So frozen towers, frozen layers and low-rank adapters cost what they cost (`mfu_planner.counting.finetune`).
Packed documents attend only inside themselves (Σ l² pairs, `mfu_planner.counting.packing`), and windows and chunks are
counted pair by pair.

Hardware FLOPs add what is computed again: attention's core under `selective` recomputation, every layer's forward pass
under `full`, and the scores that a fused attention kernel's backward pass recomputes (one product more for every six).
They give HFU, never MFU.

A mixture's total parameters never stand for work: only the chosen experts count, except under `hf-trainer`, whose
source counts all of them.
"""


def page() -> str:
    """The whole page as Markdown."""
    return "\n".join(
        (
            _INTRO,
            "## The conventions\n",
            *_table(("name", "what it counts", "formula per token", "source"), (_row(n) for n in names(versions=True))),
            "\nEach formula is for the kind of model that its source had in mind; "
            "`mfu-planner flops --symbolic` derives it for yours.",
            f"{', '.join(f'${name}$ {meaning}' for name, meaning in _legend())}.",
            "\n## How they answer the same questions\n",
            *_table(
                ("name", "attention pairs", "weights", "embedding", "head", "router", "experts", "norms"),
                (_switches(convention(n)) for n in names(versions=True)),
            ),
            "\n## What that makes of five models\n",
            "Training GFLOP per token, and the difference from `full`.\n",
            *_table(("convention", *(f"{name} @ {length:,}" for name, length in _MODELS)), _figures()),
            _BEYOND,
            *_published(),
        )
    )


def _legend() -> Iterator[tuple[str, str]]:
    """The letters of the formulas."""
    for name, meaning in LETTERS.items():
        letter, _, index = name.partition("_")
        yield f"{letter}_{{{index}}}" if index else letter, meaning


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    for row in rows:
        yield f"| {' | '.join(row)} |"


def _row(name: str) -> tuple[str, ...]:
    c = convention(name)
    where = f"[{c.source.title}]({c.source.url})"
    remarks = "".join(f"; {r}" for r in c.remarks)
    return (f"`{name}`", c.title + remarks, f"${latex(c)}$", where)


def _switches(c: Convention) -> tuple[str, ...]:
    def said(*, yes: bool) -> str:
        return "yes" if yes else "no"

    embedding = "no" if c.embedding is Embedding.NONE else c.embedding.value
    head = f"padded to {c.padded_vocab} × TP" if c.head and c.padded_vocab else said(yes=c.head)
    weights = {Weights.EXACT: "products, needed gradients", Weights.PRODUCTS: "products"}.get(
        c.weights, c.weights.value
    )
    return (
        f"`{c.name}`",
        c.pairs.value + (" (hidden size as width)" if c.width.name == "HIDDEN" else ""),
        weights.removesuffix(", three passes"),
        embedding,
        head,
        said(yes=c.router),
        "all" if c.experts is CountedExperts.ALL else "chosen",
        "no" if c.norms is Norms.NONE else c.norms.value,
    )


def _figures() -> Iterator[tuple[str, ...]]:
    columns = []
    for name, length in _MODELS:
        architecture = choose_model(model=name).architecture
        assert architecture is not None
        columns.append(by_convention(architecture, Workload(1, length), versions=True))
    for chosen in names(versions=True):
        cells = []
        for column in columns:
            value, base = column[chosen], column["full"]
            assert value is not None
            assert base is not None
            cells.append(f"{float(value) / 1e9:,.3f} ({100 * (float(value) / float(base) - 1):+.1f}%)")
        yield (f"`{chosen}`", *cells)


def _published() -> Iterator[str]:
    """How published figures are reproduced, source by source."""
    from mfu_planner.backtesting.mfu import mfu_backtest
    from mfu_planner.backtesting.runs import read_runs
    from mfu_planner.backtesting.sources import load_sources

    found = mfu_backtest(read_runs())
    summary, total = found["summary"], found["summary"]["all"]
    yield "## Published MFU, computed again\n"
    yield (
        f"{total['within_half_point']:,} of {total['n']:,} published figures that come with a throughput are met "
        f"within half a point of MFU ({100 * total['mean_share_of_sources']:.1f}% as the mean over "
        f"{total['n_sources']} sources of at least five rows), each with the convention of its source.\n"
        "`mfu-planner backtest --kind mfu` prints them and every miss with its reason.\n"
    )
    rules = {s.prefix.split("-")[0]: s for s in reversed(load_sources().sources)}
    rows = []
    for name, figures in sorted(summary.items()):
        if name != "all" and figures["n"] and name in rules:
            used = dict.fromkeys(r.convention for r in rules[name].mfu if r.convention)
            title = f"[{rules[name].title}]({rules[name].url})"
            met = f"{figures['within_half_point']:,} of {figures['n']:,}"
            rows.append((title, ", ".join(f"`{c}`" for c in used), met))
    yield from _table(("source", "convention", "within half a point"), rows)
    yield ""


def main(arguments: Sequence[str]) -> int:
    """Write the page (``--write``), or say whether it is fresh."""
    fresh = page()
    if "--write" in arguments:
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(fresh, "utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text("utf-8") == fresh:
        return 0
    print("docs/conventions.md is stale: python -m mfu_planner.report.conventions --write")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
