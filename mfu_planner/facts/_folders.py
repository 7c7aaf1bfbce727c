"""Where the fact folders are: next to the package in a checkout, inside it in an installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent
FOLDERS = ("hardware_specs", "model_specs", "published_runs", "calibration")


def folder(name: str) -> Path:
    """The folder of facts called ``name``.

    Raises
    ------
    FileNotFoundError
        It is neither in the checkout nor in the installed package: the installation is broken.
    """
    for place in (_PACKAGE / "_data" / name, _PACKAGE.parent / name):
        if place.is_dir():
            return place
    raise FileNotFoundError(f"the fact folder {name!r} is missing beside {_PACKAGE}")
