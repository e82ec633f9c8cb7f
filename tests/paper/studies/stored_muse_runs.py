"""Made-up finished runs on mini-muse, as a reproduction keeps them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from stored_tofu_runs import SEEDS, store

from simnpo.paper.scale import mini
from simnpo.paper.studies.muse_table import METHODS, muse_run


def metrics(
    forget: float, retain: float, leak: float, epoch: int | None = None
) -> dict[str, float]:
    found = {"verbmem": 20.0, "knowmem_forget": forget, "knowmem_retain": retain, "privleak": leak}
    return found if epoch is None else {"epoch": epoch, **found}


def history(*epochs: tuple[float, float, float]) -> list[dict[str, float]]:
    return [metrics(*one, epoch=epoch) for epoch, one in enumerate(epochs)]


ORIGINAL = (60.0, 50.0, -99.0)


def store_muse(
    home: Path,
    values: Mapping[str, tuple[float, float, float]],
    histories: Mapping[str, Sequence[Mapping[str, float]]] | None = None,
) -> None:
    """Store Table 2's runs: KnowMem on the forget and retain set and PrivLeak, by method."""
    scale, site = mini(), mini().news
    for seed in SEEDS:
        store(home, scale.original(site, seed), (), metrics(*ORIGINAL))
        store(home, scale.retrain(site, seed), (), metrics(10.0, 50.0, 0.0))
        for method in METHODS:
            own = values.get(method, (0.0, 0.0, 50.0))
            recorded = (histories or {}).get(method, history(ORIGINAL, own))
            run = muse_run(scale, site, method, seed)
            # One step has no epochs.
            store(home, run, (), metrics(*own), history=recorded if run.records else ())
