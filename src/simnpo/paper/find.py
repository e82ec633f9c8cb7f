"""From finished runs to what every study finds."""

from collections.abc import Mapping, Sequence

from simnpo.errors import UserError
from simnpo.experiments.run import Run, with_needs
from simnpo.paper.report import Shown
from simnpo.paper.results import Results
from simnpo.paper.studies.base import Study
from simnpo.report.finding import Finding
from simnpo.system.command_words import with_options


def find_all(
    studies: Mapping[str, Study],
    wanted: Mapping[str, Sequence[Run]],
    results: Results,
    titles: Mapping[str, str],
    failed: Mapping[Run, str],
    unresolved: Mapping[str, str],
) -> dict[str, Shown]:
    """Return every artefact as the report shows it, those whose runs failed with the reason.

    Args:
        studies: by artefact, in the order to show them.
        wanted: each artefact's runs.
        results: where the finished runs are.
        titles: of the artefacts.
        failed: the runs that failed, with the reason.
        unresolved: artefacts whose runs could not be worked out, with the reason.
    """
    shown = {}
    for name, study in studies.items():
        runs = tuple(wanted[name])
        lacking = [run for run in with_needs(runs) if run in failed]
        finding: Finding | str
        if name in unresolved:
            finding = unresolved[name]
        elif lacking:
            finding = f"{lacking[0].title} failed: {failed[lacking[0]]}"
        else:
            try:
                finding = study.find(results)
            except UserError as error:
                finding = with_options(error)
        shown[name] = Shown(titles[name], study.shows, finding, runs)
    return shown
