"""A refusal in the words of the page: the field by its label, what was typed, what is accepted; no flag of a shell."""

from __future__ import annotations

from mfu_planner.errors import InputError, PlannerError, shorten
from mfu_planner.ui.cards import in_form
from mfu_planner.ui.fields import ASKED, FIELDS
from mfu_planner.ui.text import _, plain, said

_QUESTIONS = {*ASKED, "memory", "search", "log", "trace", "hardware-names"}
"""What errors name where no single field is at fault."""
_MOST = 600


def refusal(error: PlannerError, *, beside: bool = False) -> str:
    """What is wrong, as text.

    Parameters
    ----------
    error : the planner's.
    beside : whether it stands beside its field, whose name then goes without saying.
    """
    if not isinstance(error, InputError):
        return in_form(said(error))
    accepted = said(shorten(error.accepted, _MOST, quoted=False))
    told = said(str(error.given))
    if error.given == "nothing":
        text = _("needed: {accepted}")
    elif told != str(error.given) or " " in told:
        text = _("{given}; accepted: {accepted}")
        told = shorten(told, quoted=False)
    else:
        text = _("“{given}” cannot be used; accepted: {accepted}")
        told = shorten(told, quoted=False)
    text = text.format(given=told, accepted=accepted)
    if error.nearest:
        text += _("; nearest: {names}").format(names=", ".join(error.nearest))
    name = "" if beside or error.field in _QUESTIONS else label(error.field)
    return in_form(_("{field}: {text}").format(field=name, text=text) if name else text)


def refused(error: PlannerError) -> str:
    """The same for a place that reads Markdown."""
    return plain(refusal(error))


def sentence(text: object) -> str:
    """What the planner says below the form, in the page's language and words, for a place that reads Markdown."""
    return plain(in_form(said(text)))


def label(name: str) -> str:
    """What a field is called on the page."""
    field = FIELDS.get(name.replace("-", "_"))
    return _(field.label) if field else name
