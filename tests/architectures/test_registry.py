"""Every model type that is promised has an importer, and types that are not known are refused with near names."""

from __future__ import annotations

import pytest

from mfu_planner.architectures import from_config, known_model_types
from mfu_planner.architectures.registry import importer_of
from mfu_planner.errors import InputError


@pytest.mark.each("model_type", known_model_types())
def test_every_known_type_has_an_importer(model_type: str) -> None:
    """The table names a module that defines it."""
    assert callable(importer_of(model_type, "config.json"))


@pytest.mark.each("model_type", known_model_types())
def test_a_config_without_sizes_is_an_error(model_type: str) -> None:
    """A bare type is never counted with default sizes alone."""
    with pytest.raises(InputError):
        from_config({"model_type": model_type})


def test_unknown_type_names_its_neighbours() -> None:
    """A slip of the pen is answered with the nearest known types."""
    with pytest.raises(InputError, match="gemma2"):
        from_config({"model_type": "gema2"})
    with pytest.raises(InputError, match="model_type"):
        from_config({"hidden_size": 64})
