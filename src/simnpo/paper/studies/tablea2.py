"""Table A2: a forget set of which one half was never learnt."""

from simnpo.paper.results import Results
from simnpo.paper.studies.base import Study
from simnpo.paper.studies.half_learnt import NOTE, half_runs, half_unlearned, memorised_halves
from simnpo.report.finding import Finding, all_of, exceeds


def find(results: Results) -> Finding:
    """Tabulate forget quality by half, and hold the paper's claims against it."""
    scale, site, halves = results.scale, results.scale.tofu, memorised_halves(results)
    npo, simnpo = ([halves.p_values(m, half) for half in (0, 1)] for m in ("NPO", "SimNPO"))
    gaps = zip(halves.gaps("NPO"), halves.gaps("SimNPO"), strict=True)
    utility = [
        [results.metric(half_unlearned(scale, m, seed), "model_utility") for seed in results.seeds]
        for m in ("simnpo", "npo")
    ]
    return Finding(
        tables=(halves.table("halves", f"{site.name}, one half learnt", {}),),
        claims=(
            exceeds(
                "NPO's forget quality is lower on the strongly memorised half than on the weakly "
                "memorised.",
                ("weakly memorised", "strongly memorised"),
                list(zip(npo[1], npo[0], strict=True)),
                "NPO's forget quality",
            ),
            exceeds(
                "SimNPO's forget quality differs less between the halves than NPO's.",
                ("NPO", "SimNPO"),
                list(gaps),
                "the distance between the halves' forget qualities",
            ),
            all_of(
                "SimNPO's forget quality is higher than NPO's on both halves.",
                [
                    exceeds(
                        "",
                        ("SimNPO", "NPO"),
                        list(zip(simnpo[number], npo[number], strict=True)),
                        f"forget quality on the {half.name} half",
                    )
                    for number, half in enumerate(halves.halves)
                ],
            ),
            exceeds(
                "SimNPO's model utility is higher than NPO's.",
                ("SimNPO", "NPO"),
                list(zip(*utility, strict=True)),
                "model utility",
            ),
        ),
        notes=(NOTE, results.floor_note(site), halves.floor_note()),
    )


STUDY = Study(
    "Where Original never learnt half of the forget set, NPO hardly forgets the other half; "
    "SimNPO forgets both alike.",
    half_runs,
    find,
)
