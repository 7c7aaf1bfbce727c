"""Print the figures: known cause first, and gain within a factor of 1.5; public threads beside the pairs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from mfu_planner.diagnosis.cases import logged, published, threads, traced
from mfu_planner.diagnosis.cases.outcome import Outcome, share


def main() -> None:
    """Run every case; ``-v`` lists them."""
    unhinted = published.outcomes(hinted=False)
    found = [*published.outcomes(), *unhinted, *traced.outcomes(), *logged.outcomes()]
    if "-v" in sys.argv[1:]:
        for o in found:
            mark = {True: "ok  ", False: "MISS", None: "-   "}[o.right]
            gain = ""
            if o.speedup is not None:
                judged = "ok" if o.near_gain else "far" if o.near else "FAR"
                gain = f"  published {o.speedup:.3f}, predicted {o.predicted or 1:.3f} {judged}"
            sys.stdout.write(f"{mark} {o.group:<10} {o.id:<38} {o.cause or '–':<16} found {o.found:<16}{gain}\n")
    for group in dict.fromkeys(o.group for o in found):
        line(group, [o for o in found if o.group == group])
    line("all", [o for o in found if o not in unhinted])
    line("published, held out", [o for o in found if o.group == "published" and o.role == "held out"])
    _threads(threads.threads())


def _threads(found: Sequence[threads.Thread]) -> None:
    """The public threads."""
    if "-v" in sys.argv[1:]:
        for t in found:
            mark = "right" if t.right else "open" if t.honest else "MISLED" if t.misled else "miss"
            sys.stdout.write(f"{mark:<6} {t.id:<21} {t.cause:<15} found {t.found} ({t.confidence})\n")
            sys.stdout.write(
                f"       {t.answer}\n       first: {t.action} ({t.predicted:.2f}, published {t.speedup})\n"
            )
    told = [t for t in found if t.speedup is not None]
    near = sum(bool(t.near(t.predicted)) for t in told)
    control = sum(bool(t.near(t.control)) for t in told)
    right, left = sum(t.right for t in found), sum(t.honest for t in found)
    sys.stdout.write(
        f"threads: cause first {right}, left open with the measurement {left} of {len(found)}; misled "
        f"{sum(t.misled for t in found)}; first action's gain within 1.5x {near} of {len(told)}, "
        f"observed / predicted alone {control}\n"
    )


def line(name: str, found: Sequence[Outcome]) -> None:
    """One line of the summary."""
    first, gain, strict = (share(found, n) for n in ("right", "near", "near_gain"))
    text = f"{name}: true cause first {first[0]}/{first[1]}" + (f" = {first[0] / first[1]:.0%}" if first[1] else "")
    if gain[1]:
        text += f"; speed-up within 1.5x {gain[0]}/{gain[1]} = {gain[0] / gain[1]:.0%}"
        control = share(found, "near_control")
        text += f", observed / predicted alone {control[0]}/{control[1]}" if control[1] else ""
        text += f"; gain itself (speed-up - 1) within 1.5x {strict[0]}/{strict[1]} = {strict[0] / strict[1]:.0%}"
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
