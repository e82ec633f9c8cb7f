"""The paper's tables and figures, one file each: the only list of them."""

from importlib import import_module
from typing import TYPE_CHECKING

from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.paper.studies.base import Study

ARTEFACTS = {
    "fig1b": "Truth ratios of strongly and weakly memorised forget data",
    "fig1c": "Forget quality against model utility (TOFU)",
    "fig1d": "PrivLeak against retained knowledge (MUSE News)",
    "fig2": "Truth ratios of short and long forget data",
    "fig3a": "NPO's gradient weights against answer length, epoch 1",
    "fig3b": "NPO's gradient weights over epochs",
    "fig3c": "Forget quality over epochs",
    "fig3d": "Model utility over epochs",
    "fig4": "Gradient weights of NPO and SimNPO against answer length",
    "fig5": "Markov chains: retain distance against forget quality",
    "fig6": "Relearning attacks",
    "figA1": "NPO with a perturbed reference",
    "figA2": "SimNPO over beta and gamma",
    "figA3": "Weighted-GradDiff next to GradDiff, NPO and SimNPO",
    "figA4": "KL from the original model over steps",
    "figA5": "Successive unlearning requests (MUSE News)",
    "table1": "TOFU forget05, all methods",
    "table2": "MUSE News and Books, all methods",
    "tableA2": "A forget set of which one half was never learnt",
    "tableA3": "TOFU forget10, all methods",
    "tableA4": "WMDP",
    "tableA5": "Generated answers side by side",
}
"""Artefacts of arXiv 2410.07163; each is `STUDY` in the module of its name in lower case."""


def find_names(asked: "tuple[str, ...]") -> tuple[str, ...]:
    """Return the artefacts asked for, in the paper's order; `all` asks for all.

    Raises:
        UserError: there is no such artefact.
    """
    known = {name.lower(): name for name in ARTEFACTS}
    wanted = [one.lower().replace("-", "").replace(".", "") for one in asked]
    for given, one in zip(asked, wanted, strict=True):
        if one != "all" and one not in known:
            raise UserError(f"the paper has no {given!r}; there are all, {', '.join(ARTEFACTS)}.")
    return tuple(n for n in ARTEFACTS if "all" in wanted or n.lower() in wanted)


def load_study(name: str) -> "Study":
    """Return the study of an artefact, a key of `ARTEFACTS`."""
    study: Study = import_module(f"simnpo.paper.studies.{name.lower()}").STUDY
    return study
