"""Own accelerators and machines, uploaded in the form: used, overridden, refused in one line, gone with the session."""

from __future__ import annotations

import gc
import html
from pathlib import Path
from typing import Any

import pytest

from mfu_planner import predict
from mfu_planner.facts import folder
from mfu_planner.hardware import own_specs, resolve
from mfu_planner.report.human import percent
from mfu_planner.ui.own_hardware import LARGEST_SPEC, MOST_SPECS, Own

TEMPLATES = folder("hardware_specs") / "templates"
CHIP = (TEMPLATES / "accelerator.yaml").read_text("utf-8")
MACHINE = (TEMPLATES / "cluster.yaml").read_text("utf-8").replace("accelerator: h100-sxm", "accelerator: my-chip")
PAGES = ["plan", "measure", "diagnose", "layout", "learn", "hardware"]


def _offered(app: Any) -> set[str]:
    """The ids of the accelerators in the picker."""
    return {option.rpartition(" — ")[2] for option in app.selectbox(key="hardware").options}


def _drop(app: Any, *files: tuple[str, str | bytes]) -> None:
    uploads = [(name, text if isinstance(text, bytes) else text.encode(), "application/yaml") for name, text in files]
    _field(app).set_value(uploads)
    app.run()
    assert not app.exception, app.exception


def _field(app: Any) -> Any:
    return next(field for field in app.file_uploader if field.label == "Drop YAML files of accelerators and machines")


def _said(app: Any) -> list[str]:
    return [html.unescape(e.proto.body) for e in app.get("html") if "mfu-wrong" in e.proto.body]


@pytest.mark.sampled(2)
@pytest.mark.parametrize("name", PAGES)
def test_every_page_that_asks_for_hardware_takes_it(page: Any, name: str) -> None:
    """The file is offered beside the catalogue's and asked about at once; without it the page is as before."""
    app = page(name)
    _drop(app, ("my-chip.yaml", CHIP))

    assert not _said(app)
    assert any("my-chip" in said.value for said in app.markdown)
    if name == "hardware":
        assert app.multiselect[0].options[0] == "my-chip"
    else:
        assert app.selectbox(key="hardware").value == "my-chip"
        assert not app.error
        app.button(key="own-hardware-drop").click().run()
        assert app.selectbox(key="hardware").value == "h100-sxm"
        assert "my-chip" not in _offered(app)


def test_the_answer_is_that_of_the_command_with_specs(page: Any, tmp_path: Path) -> None:
    """The layout page on an own machine, and the command line's prediction from the same files."""
    layout = {"devices": 64, "global_batch": 512, "tp": 1, "pp": 1, "vpp": 1, "zero": 1, "micro_batch": 1}
    app = page("layout", model="llama-3.1-8b", **{name: str(value) for name, value in layout.items()})
    _drop(app, ("chip.yaml", CHIP), ("cluster (1).yaml", MACHINE))
    app.selectbox(key="cluster").set_value("my-cluster").run()

    for kind, text, name in (("accelerators", CHIP, "my-chip"), ("clusters", MACHINE, "my-cluster")):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / f"{name}.yaml").write_text(text)
    with own_specs(tmp_path):
        same = predict(model="llama-3.1-8b", hardware="my-chip", cluster="my-cluster", **layout)
    shown = " ".join(e.proto.body for e in app.get("html"))
    assert percent(same.mfu) in shown
    assert any("--specs my-specs" in block.value and "--cluster my-cluster" in block.value for block in app.code)
    assert any('with own_specs("my-specs")' in b.value or "with own_specs('my-specs')" in b.value for b in app.code)


def test_an_override_drops_what_was_measured_on_the_old_figures(page: Any) -> None:
    """An H100 of 500 TFLOP/s in the catalogue's place, for this session alone."""
    app = page("layout", model="llama-3.1-8b", devices="8", global_batch="64", tp="1", pp="1", vpp="1")
    before = " ".join(str(e.value) for e in app.markdown) + " ".join(e.proto.body for e in app.get("html"))
    _drop(app, ("h100.yaml", CHIP.replace("id: my-chip", "id: h100-sxm")))
    after = " ".join(str(e.value) for e in app.markdown) + " ".join(e.proto.body for e in app.get("html"))

    assert "of 989.4 TFLOP/s" in before
    assert "of 500 TFLOP/s" in after
    assert "rates measured on" not in after
    assert resolve("h100-sxm").peak_flops_per_s("bf16") == 989.4e12


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        (
            "broken.yaml",
            CHIP.replace("id: my-chip", "id: broken").replace("capacity: 96 GB", "capacity: 96"),
            "write the unit",
        ),
        ("noise.yaml", b"\xff\xfe\x00\x81", "text in UTF-8"),
        ("large.yaml", CHIP + "#" * LARGEST_SPEC, "at most 64 KiB"),
        ("none.yaml", "name: nobody\n", "id: my-chip"),
        ("bomb.yaml", "id: bomb\na: &a [1]\nb: [*a, *a]\n", "alias"),
        ("<b>x</b>.yaml", "id: [", "id: my-chip"),
        ("lost.yaml", MACHINE.replace("accelerator: my-chip", "accelerator: my-chop"), "my-chop"),
    ],
)
def test_a_bad_file_is_named_and_left_out(page: Any, name: str, text: str | bytes, said: str) -> None:
    """In one line beside the field, without the server's paths; the good file beside it is used."""
    app = page("plan")
    _drop(app, (name, text), ("my-chip.yaml", CHIP))

    (line,) = _said(app)
    assert name in line
    assert said in line
    assert "/tmp" not in line
    assert "\n" not in line.strip()
    assert app.selectbox(key="hardware").value == "my-chip"


def test_no_more_than_a_few_files(page: Any) -> None:
    """A stranger's uploads cost bounded memory."""
    app = page("plan")
    _drop(app, *((f"chip-{i}.yaml", CHIP.replace("id: my-chip", f"id: chip-{i}")) for i in range(MOST_SPECS + 2)))

    assert len(_said(app)) == 2
    assert all(f"at most {MOST_SPECS} files" in line for line in _said(app))
    assert "chip-0" in _offered(app)


def test_a_file_taken_out_of_the_field_is_gone(page: Any) -> None:
    """With the cross beside it."""
    app = page("plan")
    _drop(app, ("my-chip.yaml", CHIP))
    _drop(app)
    assert "my-chip" not in _offered(app)


def test_the_folder_goes_with_the_session() -> None:
    """Nothing of a stranger's stays on the server."""
    own = Own({"1": ("my-chip.yaml", CHIP)})
    place = own.folder
    assert (place / "accelerators" / "my-chip.yaml").is_file()
    del own
    gc.collect()
    assert not place.exists()
