"""Types of fields that hold a number with its unit, kept as it was printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import pydantic

from mfu_planner.errors import InputError


def _quantity(dimension: str) -> Any:
    """An annotated text type: a number with a unit of ``dimension``, kept as it was printed."""

    def check(value: object) -> str:
        from mfu_planner.units import DIMENSIONS, parse

        if not isinstance(value, str):
            raise ValueError(f"write the unit: {DIMENSIONS[dimension].words}, such as {DIMENSIONS[dimension].example}")  # noqa: TRY004
        try:
            parse(value, dimension, field="value")
        except InputError as error:
            raise ValueError(str(error)) from None
        return value

    return Annotated[str, pydantic.BeforeValidator(check), pydantic.Field(json_schema_extra={"x-dimension": dimension})]


if TYPE_CHECKING:
    from typing import TypeAlias

    Rate: TypeAlias = str
    Bandwidth: TypeAlias = str
    Size: TypeAlias = str
    Power: TypeAlias = str
    Clock: TypeAlias = str
    Time: TypeAlias = str
else:
    Rate = _quantity("flop_per_s")
    Bandwidth = _quantity("byte_per_s")
    Size = _quantity("byte")
    Power = _quantity("power")
    Clock = _quantity("frequency")
    Time = _quantity("time")
