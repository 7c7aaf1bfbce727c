"""The kind of number a formula takes: a float or a float64 array, element by element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy.typing as npt

    Numbers: TypeAlias = float | npt.NDArray[Any]
else:
    Numbers = Any
