"""What the user knows: every flag of the command line, field of the form and key of ``plan.yaml``, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from mfu_planner.errors import InputError, nearest
from mfu_planner.reading import read_field


class Scenario(BaseModel):
    """A question, in SI units; None is "not given".

    Built with :func:`scenario`, which reads quantities with units and refuses what makes no sense.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str | None = None
    """A preset's id or name."""
    config: Any = None
    """A Hugging Face config: its path or its content."""
    params: int | None = None
    active_params: int | None = None
    seq_len: int | None = None
    """Positions per sequence."""
    target_seq_len: int | None = None
    """Positions per decoder sequence of an encoder–decoder."""
    image_size: int | None = None
    """Pixels along each side."""
    images: int | None = None
    """Images per sequence of a multimodal model."""
    packed: Any = None
    """Lengths of the documents packed into sequences."""
    lora_rank: int | None = None
    lora_targets: str | None = None
    """Linear layers that get an adapter, with commas between; all of them when left out."""
    freeze: str | None = None
    """Stacks, blocks or operators that are not trained, with commas between."""
    hardware: str | None = None
    peak: float | None = None
    """FLOP/s of one device, in place of the catalogue's."""
    dtype: str = "bf16"
    peak_dtype: str | None = None
    """The dtype whose peak is divided by; the dtype when left out."""
    sparse: bool = False
    convention: str | None = None
    devices: int | None = None
    device_unit: str | None = None
    """The word behind the number of devices (chips, packages), where one was given."""
    devices_per_node: int | None = None
    tokens: float | None = None
    mfu: float | None = None
    deadline: float | None = None
    """Seconds; an upper limit."""
    budget: float | None = None
    """USD; an upper limit."""
    price: float | None = None
    """USD per device-hour."""
    provider: str | None = None
    """Whose price is taken; several, with commas between, are compared."""
    term: str | None = None
    """on-demand, spot, reserved-1y, reserved-3y."""
    region: str | None = None
    """A provider's own name of a region, for the price."""
    goodput: float | None = None
    pue: float | None = None
    """Power usage effectiveness."""
    grid: str | None = None
    """Whose electricity the CO₂ is counted with: a country, or the world."""
    as_of: str | None = None
    """Date (YYYY-MM-DD) of the prices."""
    global_batch: int | None = None
    """Sequences."""
    global_batch_tokens: float | None = None
    step_time: float | None = None
    """Seconds."""
    tokens_per_second: float | None = None
    tokens_per_second_per_device: float | None = None
    flops_per_second_per_device: float | None = None
    device_hours: float | None = None
    """Wall clock."""
    reported_mfu: float | None = None
    explain: bool = Field(default=False, exclude=True)
    """Whether the derivation shows how the work per token was counted, too."""
    in_samples: tuple[str, ...] = Field(default=(), exclude=True)
    """The fields that were given in images, sequences or samples rather than tokens."""
    recompute: str | None = None
    attention_kernel: str | None = None

    def given(self) -> dict[str, Any]:
        """The fields that differ from their defaults."""
        return self.model_dump(exclude_defaults=True)


_SIZES = {"model", "config", "params", "active_params", "seq_len", "target_seq_len", "image_size", "images"}
_MODEL = frozenset(_SIZES | {"packed", "lora_rank", "lora_targets", "freeze", "convention", "explain"})
_SUBJECT = _MODEL | {"hardware", "peak", "dtype", "peak_dtype", "sparse", "devices"}
_RATES = {"tokens_per_second", "tokens_per_second_per_device", "flops_per_second_per_device"}
_MONEY = {"price", "provider", "term", "region", "as_of"}
USED_BY = {
    "flops": _MODEL,
    "plan": _SUBJECT
    | _RATES
    | {"tokens", "mfu", "deadline", "budget", "goodput", "pue", "grid", "devices_per_node", "global_batch"}
    | _MONEY,
    "measure": _SUBJECT
    | _RATES
    | {"step_time", "global_batch", "tokens", "device_hours", "goodput", "reported_mfu", "recompute"}
    | {"attention_kernel"}
    | _MONEY,
}
"""The fields that each question reads."""


def asked(question: str, given: Mapping[str, Any]) -> Scenario:
    """The Scenario of one question (a key of ``USED_BY``); a field that it does not read is refused, not dropped.

    Raises
    ------
    InputError
        A field that is unknown or has no meaning here, a wrong unit, a senseless value.
    """
    used = USED_BY[question]
    for name, value in given.items():
        if value is not None and name not in used:
            raise InputError(name.replace("_", "-"), value, f"nothing: {question} does not use it", nearest(name, used))
    return scenario(**given)


def scenario(**given: Any) -> Scenario:
    """Read what a user gave (text with units, or numbers in the canonical unit) into a Scenario.

    Raises
    ------
    InputError
        An unknown field, a wrong unit, a senseless value.
    """
    read: dict[str, Any] = {}
    for name, value in given.items():
        if value is None:
            continue
        found = read_field(name, value)
        found["in_samples"] = read.get("in_samples", ()) + found.get("in_samples", ())
        read |= found
    return Scenario(**read)
