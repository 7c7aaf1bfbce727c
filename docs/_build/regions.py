"""Regions of pages that are written from the code and the facts, between ``<!-- generated: … -->`` and ``<!-- end -->``."""

from __future__ import annotations

import re
from collections.abc import Callable

_REGION = re.compile(r"(<!-- generated: (?P<what>[^\n]+?) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)


def fill(page: str) -> str:
    """The page with every region written anew."""
    return _REGION.sub(lambda found: f"{found[1]}\n{write(found['what'])}\n\n{found[4]}", page)


def write(what: str) -> str:
    """The Markdown of one region: the name of a writer, then its arguments."""
    name, *arguments = what.split()
    return _writers()[name](*arguments).strip("\n")


def _writers() -> dict[str, Callable[..., str]]:
    import catalogue
    import cli_reference
    import code_map
    import constants
    import formulas
    import notebook
    import python_reference

    return {
        "cli": cli_reference.reference,
        "python": python_reference.reference,
        "module": python_reference.module,
        "hardware": catalogue.hardware,
        "clusters": catalogue.clusters,
        "models": catalogue.models,
        "model-types": catalogue.model_types,
        "log-formats": catalogue.log_formats,
        "formula": formulas.formula,
        "operators": formulas.operators,
        "relations": formulas.relations,
        "quantities": formulas.quantities,
        "constants": constants.table,
        "map": code_map.packages,
        "notebook": notebook.page,
    }
