"""A question about a model's work asked again with letters in place of sizes: the formulas behind its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mfu_planner.architectures.lettering import Letters
from mfu_planner.architectures.model import Architecture
from mfu_planner.counting import formulas
from mfu_planner.counting.conventions import Convention
from mfu_planner.counting.formulas import Formula
from mfu_planner.numeric import formula as writing
from mfu_planner.numeric.letters import plain
from mfu_planner.numeric.paper import paper
from mfu_planner.operators import Workload
from mfu_planner.questions.layouts import Layouted
from mfu_planner.questions.model import model_of
from mfu_planner.questions.runs import Worked
from mfu_planner.questions.training import trained
from mfu_planner.run import Derived


@dataclass(frozen=True, slots=True)
class Lettered:
    """One question: a model and what of it is trained, a batch, a convention."""

    scenario: Worked | Layouted
    work: Workload
    convention: Convention

    def all(self) -> dict[str, Any]:
        """Every formula by name, as traced values; what is zero and what a convention does not count is left out."""
        architecture, work, _ = self.asked()
        return {
            **formulas.groups(architecture, work, self.convention),
            **formulas.traced(architecture, work, self.convention),
        }

    def shown(self) -> dict[str, Formula]:
        """The same for people and programs."""
        architecture, work, letters = self.asked()
        said = tuple(formulas.switches(letters))
        found = {
            **formulas.traced(architecture, work, self.convention),
            **formulas.groups(architecture, work, self.convention),
        }
        return {name: formulas.shown(value, said) for name, value in found.items()}

    def steps(self) -> tuple[Derived, ...]:
        """How the work per unit comes about: the formula of each operator group, then that of their sum."""
        architecture, work, _ = self.asked()
        total = formulas.traced(architecture, work, self.convention)[formulas.GROUPS_OF]
        groups = formulas.groups(architecture, work, self.convention)
        unit, source = f"FLOP/{architecture.work_unit}", str(self.convention.source)
        counted = f"the operators of {self.scenario.model or architecture.name}, {self.convention.name} convention"
        steps = [self._step(name, f"training work of {name}", value, unit, counted) for name, value in groups.items()]
        name = f"flops_per_{architecture.work_unit}"
        legend = ", ".join(f"{n} {each.arguments[0].meaning}" for n, each in writing.letters(paper(total)).items())
        return (*steps, self._step(name, f"{self.convention.title}; {legend}", total, unit, source, tuple(groups)))

    def _step(self, name: str, meaning: str, value: Any, unit: str, source: str, of: tuple[str, ...] = ()) -> Derived:
        form = paper(value)
        return Derived(
            name=name,
            meaning=meaning,
            formula=f"{name} = {writing.text(form)}{_holding(value)}",
            formula_of=of,
            substituted=writing.substituted(form),
            value=float(plain(form)),
            unit=unit,
            source=source,
            latex=writing.latex(form),
        )

    def asked(self) -> tuple[Architecture, Workload, Letters]:
        """The model and the batch with letters for their sizes, and the letters."""
        s, letters = self.scenario, Letters()
        if s.lora_rank is not None:
            s = s.changed(lora_rank=letters.of_field("lora_rank", s.lora_rank))
        model = trained(model_of(s, letters), s)
        assert model.architecture is not None, "a bare number of parameters has no sizes"
        for name in ("freeze", "lora_targets", "packed"):
            if (value := getattr(s, name)) is not None:
                letters.said[name] = str(value)
        architecture = letters.counted(model.architecture)
        return architecture, formulas.lettered(self.work, letters, architecture), letters


def _holding(value: Any) -> str:
    """The conditions under which a formula holds, behind it."""
    found = writing.conditions(value)
    return f"   ({', '.join(found)})" if found else ""
