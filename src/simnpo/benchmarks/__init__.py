"""The benchmarks: the only list of them."""

from typing import TYPE_CHECKING, Literal

from simnpo.benchmarks.base import Benchmark
from simnpo.errors import UserError

if TYPE_CHECKING:
    from simnpo.benchmarks.minis import Mini

BENCHMARKS = {
    "tofu": "forget05",
    "muse": "news",
    "wmdp": "bio",
    "mini-tofu": "forget10",
    "mini-muse": "gazette",
    "mini-wmdp": "craft",
}
"""Names on the command line, with the split that stands where none is given."""
MINIS = tuple(name for name in BENCHMARKS if name.startswith("mini-"))
"""The embedded ones, whose data and models are made on the spot."""


def load_benchmark(
    name: str,
    split: str | None = None,
    data_dir: str | None = None,
    part: Literal["training", "evaluation"] | None = None,
) -> Benchmark:
    """Return benchmark `name` at `split`.

    Args:
        name: a key of `BENCHMARKS`.
        split: what to forget; None takes the benchmark's usual one.
        data_dir: a folder with its files; None takes them from the hub.
        part: what is needed of a benchmark whose parts come from different places, some of them
            gated; the others are loaded whole.

    Raises:
        UserError: an unknown benchmark or split, or missing data.
    """
    if name not in BENCHMARKS:
        raise UserError(f"unknown benchmark {name!r}; there are {', '.join(BENCHMARKS)}.")
    split = split or BENCHMARKS[name]
    if name == "tofu":
        from simnpo.benchmarks.tofu import tofu

        return tofu(split, data_dir)
    if name == "muse":
        from simnpo.benchmarks.muse import muse

        return muse(split, data_dir)
    if name == "wmdp":
        from simnpo.benchmarks.wmdp import wmdp

        return wmdp(split, data_dir, part)
    if data_dir is not None:
        raise UserError(f"{name} is built in, so --data-dir {data_dir} does nothing.")
    if name == "mini-muse":
        from simnpo.benchmarks.mini_muse import mini_muse

        return mini_muse(split)
    if name == "mini-wmdp":
        from simnpo.benchmarks.mini_wmdp import mini_wmdp

        return mini_wmdp(split)
    from simnpo.benchmarks.mini_tofu import mini_tofu

    return mini_tofu(split)


def load_mini(name: str, split: str | None = None) -> "Mini":
    """Return embedded benchmark `name` with all it takes to make its models.

    Raises:
        UserError: an unknown or no embedded benchmark, or an unknown split.
    """
    if name == "mini-tofu":
        from simnpo.benchmarks.mini_tofu.settings import mini_tofu_study

        return mini_tofu_study(split or BENCHMARKS[name])
    if name == "mini-muse":
        from simnpo.benchmarks.mini_muse.settings import mini_muse_study

        return mini_muse_study(split or BENCHMARKS[name])
    if name == "mini-wmdp":
        from simnpo.benchmarks.mini_wmdp.settings import mini_wmdp_study

        return mini_wmdp_study(split or BENCHMARKS[name])
    raise UserError(f"{name!r} is no embedded benchmark; there are {', '.join(MINIS)}.")
