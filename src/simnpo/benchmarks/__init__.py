"""The benchmarks: the only list of them."""

from simnpo.benchmarks.base import Benchmark
from simnpo.errors import UserError

BENCHMARKS = {"tofu": "forget05", "mini-tofu": "forget10"}
"""Names on the command line, with the split that stands where none is given."""


def load_benchmark(name: str, split: str | None = None, data_dir: str | None = None) -> Benchmark:
    """Return benchmark `name` at `split`.

    Raises:
        UserError: an unknown benchmark or split, or missing data.
    """
    if name not in BENCHMARKS:
        raise UserError(f"unknown benchmark {name!r}; there are {', '.join(BENCHMARKS)}.")
    split = split or BENCHMARKS[name]
    if name == "tofu":
        from simnpo.benchmarks.tofu import tofu

        return tofu(split, data_dir)
    from simnpo.benchmarks.mini_tofu import mini_tofu

    if data_dir is not None:
        raise UserError(f"{name} is built in, so --data-dir {data_dir} does nothing.")
    return mini_tofu(split)
