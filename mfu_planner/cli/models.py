"""``mfu-planner models``."""

from __future__ import annotations

from mfu_planner.cli.options import asking
from mfu_planner.cli.output import emit


@asking("models")
def command(as_json: bool, name: tuple[str, ...] = (), family: str | None = None) -> None:
    """The model presets, or one of them with its config and source."""
    if len(name) > 1:
        from mfu_planner.errors import InputError

        raise InputError("name", " ".join(name), "one name, in quotes where it has spaces")
    if name:
        from mfu_planner.report.models import model_record, render_model

        record = model_record(name[0])
        emit(record, as_json, lambda console: render_model(record, console))
        return
    from mfu_planner.architectures.presets import catalogue
    from mfu_planner.report.models import render_models

    rows = [row for row in catalogue() if family is None or row["family"].lower() == family.lower()]
    if not rows and family is not None:
        from mfu_planner.errors import InputError, nearest

        known = sorted({row["family"] for row in catalogue()})
        raise InputError(
            "family", family, "a family that `mfu-planner models` lists, such as Llama 3.1", nearest(family, known)
        )
    emit({"models": rows}, as_json, lambda console: render_models(rows, console))
