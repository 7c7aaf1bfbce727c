"""Compute-optimal tokens: how much text makes the best model of a given size for the FLOPs that it costs."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

from mfu_planner.errors import InputError, nearest
from mfu_planner.run.frozen import Frozen

FLOPS_PER_PARAMETER = 6
"""Training FLOP per parameter and token: what scaling laws mean by compute (Hoffmann et al. 2022, arXiv:2203.15556)."""
_HALVINGS = 100
"""Of an interval of 60 decimal places: below the last digit of a float."""


class Suggestion(Frozen):
    """Tokens that a scaling law suggests."""

    tokens: float
    params: float
    """Those that a token uses."""
    tokens_per_parameter: float
    law: str
    """Its name on file."""
    title: str
    formula: str
    """LaTeX."""
    source: str
    url: str


@cache
def laws() -> dict[str, dict[str, Any]]:
    """Every scaling law on file, the default first."""
    from mfu_planner.facts import folder, load_file

    data = load_file(folder("published_runs") / "scaling_laws.yaml")
    names = sorted(data["laws"], key=lambda name: name != data["default"])
    return {name: data["laws"][name] for name in names}


def compute_optimal_tokens(params: float, law: str | None = None) -> Suggestion:
    """Tokens for which ``params`` parameters are the best use of the compute 6 · params · tokens.

    Parameters
    ----------
    params : parameters that a token uses, in ones.
    law : a name on file; the default one when left out.

    Raises
    ------
    InputError
        No such law, or no positive number of parameters.

    References
    ----------
    Hoffmann et al. 2022, arXiv:2203.15556, equation 4 and table 3; Besiroglu et al. 2024, arXiv:2404.10102.

    Examples
    --------
    >>> from mfu_planner.run.scaling import compute_optimal_tokens
    >>> round(compute_optimal_tokens(70e9).tokens_per_parameter, 1)
    18.4
    """
    if not params > 0:
        raise InputError("params", params, "a positive number of parameters")
    name, entry = _law(law)
    if entry["kind"] == "parametric":
        tokens = optimum(params, *(float(entry[k]) for k in ("A", "B", "alpha", "beta")))
        formula = r"D = \left(\frac{\beta B}{\alpha A}\right)^{1/\beta} N^{\alpha/\beta}"
    else:
        tokens = _between(params, _rows(name))
        formula = r"D \propto N^{p}\ \text{between the rows of the table}"
    source = entry["source"]
    return Suggestion(
        tokens=tokens,
        params=params,
        tokens_per_parameter=tokens / params,
        law=name,
        title=entry["title"],
        formula=formula,
        source=source["title"],
        url=source["url"],
    )


def compute_optimal_params(tokens: float, law: str | None = None) -> Suggestion:
    """The parameters for which ``tokens`` are the optimum: the same law the other way round.

    Raises
    ------
    InputError
        No such law, or no positive number of tokens.

    Examples
    --------
    >>> from mfu_planner.run.scaling import compute_optimal_params, compute_optimal_tokens
    >>> round(compute_optimal_params(compute_optimal_tokens(70e9).tokens).params / 1e9, 6)
    70.0
    """
    if not tokens > 0:
        raise InputError("tokens", tokens, "a positive number of tokens")
    return compute_optimal_tokens(_where(lambda n: compute_optimal_tokens(n, law).tokens, tokens), law)


def optimal_size(compute: float, law: str | None = None) -> Suggestion:
    """The parameters and tokens that are the best use of a compute.

    Parameters
    ----------
    compute : FLOP, ``6 · params · tokens`` (Hoffmann et al. 2022, arXiv:2203.15556, section 3).

    Raises
    ------
    InputError
        No such law, or no positive compute.
    """
    if not compute > 0:
        raise InputError("compute", compute, "a positive number of FLOPs")
    return compute_optimal_tokens(
        _where(lambda n: FLOPS_PER_PARAMETER * n * compute_optimal_tokens(n, law).tokens, compute), law
    )


def _where(rising: Callable[[float], float], value: float) -> float:
    """The parameters at which something that rises with them has a value, to the last digits."""
    low, high = 0.0, 60 * math.log(10)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if rising(math.exp(middle)) < value else (low, middle)
    return math.exp(high)


def _law(name: str | None) -> tuple[str, dict[str, Any]]:
    """A law by its name or what people call it."""
    known = laws()
    if name is None:
        return next(iter(known.items()))
    called = {alias: law for law, entry in known.items() for alias in (law, *entry.get("also", ()))}
    if name.lower() not in called:
        raise InputError("law", name, ", ".join(called), nearest(name, called))
    law = called[name.lower()]
    return law, known[law]


def optimum(params: Any, a_loss: float, b_loss: float, alpha: float, beta: float) -> Any:
    """Tokens at the optimum of ``E + A/N^alpha + B/D^beta`` under a fixed ``N · D``.

    At the optimum ``alpha A / N^alpha = beta B / D^beta``, so ``D = (beta B / (alpha A))^(1/beta) N^(alpha/beta)``.
    """
    return (beta * b_loss / (alpha * a_loss)) ** (1 / beta) * params ** (alpha / beta)


@cache
def _rows(name: str) -> tuple[tuple[float, float], ...]:
    from mfu_planner.units import parse

    rows = laws()[name]["rows"]
    return tuple(
        (parse(r["params"], "count", field="params"), parse(r["tokens"], "token", field="tokens")) for r in rows
    )


def _between(params: float, rows: tuple[tuple[float, float], ...]) -> float:
    """Along the power law through the two nearest rows."""
    above = next((i for i, (n, _) in enumerate(rows) if n >= params), len(rows) - 1)
    (n0, d0), (n1, d1) = rows[max(0, above - 1)], rows[max(1, above)]
    power = math.log(d1 / d0) / math.log(n1 / n0)
    return float(d0 * (params / n0) ** power)
