"""Own accelerators and machines in the form: uploaded YAML, kept for the session, a broken file named and left out."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import streamlit as st

from mfu_planner.errors import InputError
from mfu_planner.facts import folder
from mfu_planner.hardware import own_specs
from mfu_planner.hardware._index import index
from mfu_planner.hardware._own import folders
from mfu_planner.ui.cards import in_form
from mfu_planner.ui.fields import FIELDS
from mfu_planner.ui.fold import fold
from mfu_planner.ui.form import wrong
from mfu_planner.ui.text import _, plain, said
from mfu_planner.ui.uploads import small_text

FOLDER = "my-specs"
"""The folder that stands for the uploads in a copied command."""
LARGEST_SPEC = 64 << 10
"""Bytes of one file; the shipped ones have up to 5 KiB."""
MOST_SPECS = 20
_KEPT, _FILES, _SEEN = "own-hardware", "own_hardware", "own-hardware-seen"
_ID = re.compile(r"""^id:[ \t]*["']?([a-z0-9][a-z0-9.-]{0,60})["']?[ \t]*(?:#.*)?$""", re.MULTILINE)
_MACHINE = re.compile(r"^accelerator:", re.MULTILINE)


class Own:
    """Spec files of one session: the good ones in a folder that goes with the session, an error for each other."""

    def __init__(self, texts: Mapping[str, tuple[str, str | InputError]]) -> None:
        """Sort the texts.

        Parameters
        ----------
        texts : upload → the file's name, and its text or why it is none.
        """
        self.texts = dict(texts)
        self.wrong: list[str] = []
        self.ids: list[str] = []
        self.folder = Path(tempfile.mkdtemp(prefix="mfu-planner-"))
        self._gone = weakref.finalize(self, shutil.rmtree, self.folder, ignore_errors=True)
        placed: dict[str, tuple[Path, str]] = {}
        for name, text in self.texts.values():
            if isinstance(text, InputError):
                self.wrong.append(str(text))
                continue
            found = _ID.search(text)
            if found is None:
                self.wrong.append(str(InputError(f"{name}: id", "none", "a line such as 'id: my-chip'")))
                continue
            if found[1] in placed:
                self.wrong.append(str(InputError(f"{name}: id", found[1], "an id that no other file has")))
                continue
            path = self.folder / ("clusters" if _MACHINE.search(text) else "accelerators") / f"{found[1]}.yaml"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            placed[found[1]] = (path, name)
        with own_specs(self.folder):
            left_out = index()["left_out"]
        for identifier, (path, name) in placed.items():
            if identifier in left_out:
                self.wrong.append(str(left_out[identifier]).replace(str(path), name))
                path.unlink()
            else:
                self.ids.append(identifier)


def own_hardware() -> AbstractContextManager[Any]:
    """What the session has uploaded, in use within the ``with`` block."""
    own = _own()
    found: AbstractContextManager[Any] = nullcontext()
    if own is not None and own.ids:
        found = own_specs(*filter(None, folders().split(os.pathsep)), own.folder)
    return found


def uploaded() -> list[str]:
    """The ids of the session's own accelerators and machines."""
    own = _own()
    return own.ids if own else []


def own_hardware_field() -> None:
    """The upload, what of it is in use, and what is wrong with the rest."""
    own = _own()
    held = bool(own and (own.texts or own.wrong))
    with fold("own-hardware", _("Own hardware"), filled=held, expanded=held) as drawn:
        if not drawn:
            return
        dropped = st.file_uploader(
            _("Drop YAML files of accelerators and machines"),
            type=["yaml", "yml"],
            accept_multiple_files=True,
            key=_FILES,
            help=_("An id of the catalogue stands in its place, and rates measured on the old figures are left out."),
            on_change=_take,
            max_upload_size=1,
        )
        st.session_state[_SEEN] = {file.file_id for file in dropped}
        for text in own.wrong if own else ():
            wrong(st.empty(), _FILES, in_form(said(text)))
        if own and own.ids:
            with st.container(horizontal=True, vertical_alignment="center"):
                st.markdown(_("In use: **{ids}**").format(ids=plain(", ".join(own.ids))), width="content")
                st.button(_("Leave out"), on_click=_drop, icon=":material/delete:", key="own-hardware-drop")
        with st.container(horizontal=True):
            for kind, label in (("accelerator", _("Template: accelerator")), ("cluster", _("Template: machine"))):
                text = (folder("hardware_specs") / "templates" / f"{kind}.yaml").read_text("utf-8")
                st.download_button(
                    label, text, f"my-{'chip' if kind == 'accelerator' else 'cluster'}.yaml", "application/yaml",
                    on_click="ignore", icon=":material/download:", key=f"template-{kind}",
                )  # fmt: skip


def _own() -> Own | None:
    own: Own | None = st.session_state.get(_KEPT)
    return own


def _take() -> None:
    """Add the files that have come, leave out those that have gone from the field."""
    now = {file.file_id: file for file in st.session_state[_FILES]}
    gone = st.session_state.get(_SEEN, set()) - set(now)
    own = _own()
    before = own.texts if own else {}
    kept = {key: said for key, said in before.items() if key not in gone}
    come = [file for key, file in now.items() if key not in kept]
    room = max(0, MOST_SPECS - len(kept))
    kept |= {file.file_id: (file.name[:80], _text(file)) for file in come[:room]}
    for file in come[room:]:
        kept[file.file_id] = (file.name[:80], InputError(file.name[:80], "left out", f"at most {MOST_SPECS} files"))
    st.session_state[_KEPT] = Own(kept)
    _choose(set(uploaded()) - set(own.ids if own else ()))


def _choose(new: Iterable[str]) -> None:
    """The first new accelerator is what the page then asks about."""
    with own_hardware():
        found = sorted(set(new) & set(index()["accelerators"]))
    if found:
        st.session_state["hardware"] = found[0]


def _drop() -> None:
    """Leave all own hardware out, and the field that held an own id as it was at first."""
    gone = set(uploaded())
    st.session_state.pop(_KEPT, None)
    if st.session_state.get("hardware") in gone - set(index()["accelerators"]):
        st.session_state["hardware"] = FIELDS["hardware"].default


def _text(file: Any) -> str | InputError:
    try:
        return small_text(file, LARGEST_SPEC, file.name[:80])
    except InputError as error:
        return error
