"""What to put in a field that a user leaves to the planner: a typical MFU, and the runs that stand behind it."""

from __future__ import annotations

from typing import Any

from mfu_planner.errors import InputError, NoAnswer
from mfu_planner.hardware import resolve
from mfu_planner.questions.model import model_of
from mfu_planner.questions.runs import MeasureQuestion, PlanQuestion
from mfu_planner.questions.subject import resolve_subject
from mfu_planner.run.frozen import Frozen
from mfu_planner.run.scaling import Suggestion, compute_optimal_tokens


class TypicalMfu(Frozen):
    """What similar published runs reached."""

    low: float
    typical: float
    high: float
    runs: int
    basis: str
    links: tuple[str, ...]
    convention: str


class PublishedRun(Frozen):
    """One published run as a point of a picture."""

    id: str
    params: int
    """Active parameters."""
    hardware: str
    devices: int | None
    dtype: str
    mfu: float
    mixture: bool
    same_hardware: bool
    url: str


def typical_mfu(**given: Any) -> TypicalMfu:
    """The MFU of published runs of similar size on the same hardware.

    Arguments are those of ``plan``.

    Raises
    ------
    InputError
        The model or hardware cannot be used.
    NoAnswer
        Too few such runs are on file.
    """
    from mfu_planner.published.similar import is_mixture, similar_runs

    s = PlanQuestion.of(given)
    subject = resolve_subject(s)
    found = None
    if subject.model is not None and subject.accelerator is not None:
        size = subject.model.active_params
        found = similar_runs(
            size,
            subject.accelerator.id,
            subject.devices,
            subject.peak_dtype,
            mixture=is_mixture(subject.model.params, size),
        )
    if found is None:
        raise NoAnswer("fewer than three similar published runs are on file: give the MFU yourself")
    return TypicalMfu(
        low=found.low,
        typical=found.typical,
        high=found.high,
        runs=found.n,
        basis=found.basis,
        links=found.links,
        convention=found.convention,
    )


def optimal_tokens(law: str | None = None, **given: Any) -> Suggestion:
    """Compute-optimal training tokens of the model that ``given`` names (arguments of ``plan``).

    Raises
    ------
    InputError
        The model cannot be used, or there is no such law.
    """
    return compute_optimal_tokens(model_of(PlanQuestion.of(given)).active_params, law)


def published_runs(hardware: str | None = None) -> tuple[PublishedRun, ...]:
    """Every published run of the index, those on ``hardware`` (a catalogue id) marked."""
    from mfu_planner.published.similar import index

    found = index()
    return tuple(
        PublishedRun(
            id=e["id"],
            params=e["params"],
            hardware=e["hardware"],
            devices=e["devices"],
            dtype=e["dtype"],
            mfu=e["mfu"],
            mixture=e["mixture"],
            same_hardware=e["hardware"] == hardware,
            url=found["sources"][e["source"]],
        )
        for e in found["runs"]
    )


def of_run(**given: Any) -> tuple[int | None, str | None]:
    """Active parameters and catalogue id of what arguments of ``measure`` are about, where they name them."""
    s = MeasureQuestion.of(given)
    named = any(value is not None for value in (s.model, s.config, s.params))
    return (model_of(s).active_params if named else None, resolve(s.hardware).id if s.hardware is not None else None)


def work_over_length(lengths: tuple[int, ...], **given: Any) -> tuple[dict[str, float], ...]:
    """Training FLOP per token of a model at several sequence lengths, over all pairs and over those the mask allows.

    Parameters
    ----------
    lengths : tokens per sequence.
    given : arguments of ``flops`` that name the model.

    Raises
    ------
    InputError
        The model cannot be used.
    """
    from mfu_planner import flops

    rows = []
    for length in lengths:
        found = flops(seq_len=length, **given).by_convention
        full, causal = found.get("full"), found.get("causal")
        if full is not None:
            rows.append({"seq_len": float(length), "full": full, "causal": full if causal is None else causal})
    return tuple(rows)


def fewer_and_more(devices: Any) -> list[int]:
    """Half a number of devices, the number, and twice it: what a search compares.

    Raises
    ------
    InputError
        It is no whole number of at least 2.
    """
    number = PlanQuestion.of({"devices": devices}).devices
    if number is None or number < 2:
        raise InputError("devices", devices, "a whole number of at least 2")
    return [number // 2, number, 2 * number]
