"""A predicted step explained: each part of its time and memory as a formula, the numbers put in, and their sources.

The step is computed once more with letters for sizes, degrees and constants; what is shown is read off that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from mfu_planner.counting.conventions import convention
from mfu_planner.numeric import formula as writing
from mfu_planner.numeric.letters import Letter, Symbol, named, plain, walk
from mfu_planner.numeric.paper import paper
from mfu_planner.questions.layouts import PredictQuestion
from mfu_planner.questions.lettered import Lettered
from mfu_planner.run import Derived
from mfu_planner.step.evaluate import device_memory, step
from mfu_planner.step.lettered import lettered

if TYPE_CHECKING:
    from mfu_planner.step.case import Case

_DERIVED = "derived from the operators and the step's code"
_ASKED = dict.fromkeys(("b", "s", "s_t", "n_i"), "given, or the model's training length")
_BYTES = {
    "weights": "weights",
    "gradients": "gradients",
    "optimizer": "optimizer states and master weights",
    "activations": "activations kept for the backward pass",
    "logits": "logits and their copies at the loss",
    "other": "context, buffers, layers that ZeRO-3 holds whole",
}


class Sensitivity(NamedTuple):
    """What a result depends on: d ln result / d ln of one size or constant."""

    name: str
    exponent: float
    meaning: str


class Explanation(NamedTuple):
    """How an answer came about."""

    steps: tuple[Derived, ...]
    sensitivities: tuple[dict[str, Any], ...]
    """Of the step's time (or the memory), largest first."""
    sources: dict[str, str]
    """Every size and constant: value, unit, meaning, where it is from."""


def explained_step(case: Case, meanings: Mapping[str, str]) -> Explanation:
    """The step's time by cause, what the causes are made of, and the memory; ``meanings``: of the causes."""
    case = lettered_case(case)
    found = step(case)
    total = found.seconds
    shown = {name: part for name, part in found.parts.items() if plain(part)}
    steps = [_derived("step_time_s", "one optimizer step", total, "s")]
    steps += [_derived(name, meanings[name], part, "s") for name, part in shown.items()]
    steps += _inside([total, *shown.values()])
    steps += _bytes(found.memory)
    sources = _sources([total, *shown.values(), *_held(found.memory)], case)
    return Explanation(tuple(steps), _sensitivities(total), sources)


def explained_memory(case: Case) -> Explanation:
    """The bytes of the fullest device by kind."""
    held = device_memory(lettered_case(case))
    return Explanation(tuple(_bytes(held)), _sensitivities(held.total), _sources(_held(held), case))


def lettered_case(case: Case) -> Case:
    """The same case with letters, its model read anew: nothing that is cached for plain numbers is used."""
    question = Lettered(PredictQuestion.of(dict(case.said.given)), case.work, convention("causal"))
    return lettered(case, *question.asked())


def _held(held: Any) -> list[Any]:
    return [getattr(held, name) for name in _BYTES]


def _bytes(held: Any) -> list[Derived]:
    kinds = {n: value for n in _BYTES if plain(value := getattr(held, n))}
    total = sum(named(Symbol(f"{name}_bytes", count=False), value) for name, value in kinds.items())
    return [
        _derived("total_bytes", "bytes of the fullest device", total, "byte"),
        *(_derived(f"{name}_bytes", _BYTES[name], value, "byte") for name, value in kinds.items()),
    ]


def _derived(name: str, meaning: str, value: Any, unit: str, source: str = _DERIVED) -> Derived:
    form = _short(value)
    return Derived(
        name=name,
        meaning=meaning,
        formula=f"{name} = {writing.text(form)}",
        formula_of=tuple(writing.letters(form)),
        substituted=writing.substituted(form),
        value=float(plain(value)),
        unit=unit,
        source=source,
        latex=writing.latex(form),
    )


def _short(value: Any) -> Any:
    """The formula as computed or in the form of a paper, whichever is shorter."""
    return min(value, paper(value), key=lambda form: len(writing.text(form)))


def _inside(tops: list[Any]) -> Iterator[Derived]:
    """What the named quantities of formulas are, each once, those first that are named first; of calls the longest."""
    seen: dict[str, Letter] = {}
    waiting = list(tops)
    while waiting:
        within = [each for each in walk(waiting.pop(0), into_named=False) if _is_quantity(each)]
        for each in within:
            name = each.arguments[0].name
            if name not in seen:
                waiting.append(each.arguments[1])
            if name not in seen or plain(each) > plain(seen[name]):
                seen[name] = each
    for each in seen.values():
        symbol = each.arguments[0]
        if plain(each):
            yield _derived(writing.text(each), symbol.meaning, each.arguments[1], symbol.unit)


def _is_quantity(each: Letter) -> bool:
    return each.operation == "named" and not each.arguments[0].count


def _sensitivities(result: Any) -> tuple[dict[str, Any], ...]:
    meanings = {n: each.arguments[0].meaning for n, each in _leaves([result]).items()}
    found = writing.sensitivities(result).items()
    return tuple(Sensitivity(n, e, meanings[n])._asdict() for n, e in found if abs(e) > 1e-9)


def _leaves(tops: list[Any]) -> dict[str, Letter]:
    return {each.arguments[0].name: each for each in walk(*tops) if each.operation == "letter"}


def _sources(tops: list[Any], case: Case) -> dict[str, str]:
    found = {}
    model = case.said.sources.get("flops_per_token", "the model's config")
    for name, each in sorted(_leaves(tops).items(), key=lambda item: item[1].arguments[0].rank):
        symbol = each.arguments[0]
        unit = f" {symbol.unit}" if symbol.unit not in ("", "1") else ""
        value = plain(each)
        shown = f"{value:,}" if isinstance(value, int) else f"{value:.6g}"
        found[name] = f"{shown}{unit}, {symbol.meaning}; {symbol.source or _ASKED.get(name, model)}"
    return found
