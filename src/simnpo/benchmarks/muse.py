"""MUSE (arXiv 2407.06460), from the hub or from a folder with the official files."""

from collections.abc import Callable, Iterable
from pathlib import Path

from simnpo.benchmarks.base import Benchmark, EvaluationSet, Item
from simnpo.benchmarks.kind import BenchmarkKind
from simnpo.benchmarks.preset import Preset, general_preset
from simnpo.config import TrainingConfig
from simnpo.data.examples import Example
from simnpo.data.layouts import text_of
from simnpo.data.rows import Row, read_file, read_rows, read_texts
from simnpo.errors import UserError
from simnpo.methods.registry import build_method

HUB = {"news": "muse-bench/MUSE-News", "books": "muse-bench/MUSE-Books"}
"""The two corpora."""
REQUESTS = 4
"""Parts of News' scalability (`scal`, each holds the one before) and sustainability (`sust`)."""
SPLITS = (*HUB, *(f"news-scal{number}" for number in range(1, REQUESTS + 1)))
"""`news` and `books` forget the corpus' forget set, `news-scalN` a larger one."""
VERBMEM_TOKENS, KNOWMEM_TOKENS = 128, 32
"""New tokens of a continuation and of an answer at most."""
MAX_LENGTH = 2048


def muse(split: str = "news", data_dir: str | None = None) -> Benchmark:
    """Return MUSE at `split`.

    The retain set is the official `retain1`, which unlearning may train on; questions about what is
    to be kept are about `retain2`, another part of what the target model was trained on. A folder
    without `raw/retain1` can be evaluated on, and has an empty retain set.

    Args:
        split: one of `SPLITS`.
        data_dir: a folder in the layout of the official repository's `data/news` or `data/books`:
            `raw/`, `verbmem/`, `knowmem/`, `privleak/`, and `scal/`, `sust/` where they are asked
            for. None takes them from the hub (or its cache).

    Raises:
        UserError: an unknown split, a missing or malformed file.
    """
    if split not in SPLITS:
        raise UserError(f"MUSE has no split {split!r}; use {', '.join(SPLITS)}.")
    corpus, _, scal = split.partition("-scal")
    source = _Folder(Path(data_dir)) if data_dir else _Hub(HUB[corpus])
    successive: tuple[tuple[Example, ...], ...] = ()
    if split == "news" and source.has("sust", "forget_1"):
        numbers = range(1, REQUESTS + 1)
        successive = tuple(_corpus(source.texts("sust", f"forget_{number}")) for number in numbers)
    forget = source.texts("scal", f"forget_{scal}") if scal else source.texts("raw", "forget")
    has_retain = source.has("raw", "retain1")
    return Benchmark(
        name="muse",
        split=split,
        forget=_corpus(forget),
        retain=_corpus(source.texts("raw", "retain1")) if has_retain else (),
        refusals=(),
        evaluation={
            "verbmem": EvaluationSet(
                tuple(
                    Item(text_of(row, "prompt"), text_of(row, "gt"))
                    for row in source.rows("verbmem", "forget")
                ),
                VERBMEM_TOKENS,
                scored=False,
                verbatim=True,
                cut_reference=True,
            ),
            "knowmem_forget": _asked(source, "forget_qa"),
            "knowmem_retain": _asked(source, "retain_qa"),
            "forget": _scored(source.texts("privleak", "forget")),
            "holdout": _scored(source.texts("privleak", "holdout")),
        },
        suite="muse",
        requests=successive,
        max_length=MAX_LENGTH,
    )


def knowmem_prompt(examples: Iterable[Example], question: str) -> str:
    """Return MUSE's prompt for a knowledge question, after some answered ones."""
    before = "".join(f"Question: {one.question}\nAnswer: {one.answer}\n\n" for one in examples)
    return f"{before}Question: {question}\nAnswer: "


class _Hub:
    """The corpus as the hub has it: a configuration per folder, a split per file."""

    def __init__(self, name: str):
        self._name = name

    def has(self, folder: str, name: str) -> bool:
        return True

    def rows(self, folder: str, name: str) -> list[Row]:
        return read_rows(f"{self._name}:{folder}:{name}")

    texts = rows


class _Folder:
    """The corpus as the official repository's `load_data.py` writes it."""

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise UserError(f"``data_dir`` {folder} is not a folder.")
        self._folder = folder

    def has(self, folder: str, name: str) -> bool:
        return any(path.is_file() for path in self._candidates(folder, name))

    def rows(self, folder: str, name: str) -> list[Row]:
        return _filled(self._path(folder, name), read_file)

    def texts(self, folder: str, name: str) -> list[Row]:
        return _filled(self._path(folder, name), read_texts)

    def _path(self, folder: str, name: str) -> Path:
        candidates = self._candidates(folder, name)
        for path in candidates:
            if path.is_file():
                return path
        raise UserError(
            f"{candidates[0]} does not exist; the folder must have the layout of the official "
            "repository's data/news or data/books."
        )

    def _candidates(self, folder: str, name: str) -> list[Path]:
        # Earlier releases name what is asked about the retain set after its part, retain2.
        names = (name, name.replace("retain_", "retain2_"))
        stems = [self._folder / folder / one for one in dict.fromkeys(names)]
        return [stem.with_suffix(ending) for stem in stems for ending in (".json", ".txt")]


def _filled(path: Path, read: Callable[[Path], list[Row]]) -> list[Row]:
    rows = read(path)
    if not rows:
        raise UserError(f"{path} holds no row.")
    return rows


def _corpus(rows: Iterable[Row]) -> tuple[Example, ...]:
    """Join texts into one, which is cut into pieces of similar length, as in the official code."""
    return (Example(None, "\n\n".join(text_of(row, "text") for row in rows)),)


def _scored(rows: Iterable[Row]) -> EvaluationSet:
    return EvaluationSet(tuple(Item(None, text_of(row, "text")) for row in rows))


def _asked(source: _Hub | _Folder, name: str) -> EvaluationSet:
    asked, examples = (
        [Example(text_of(row, "question"), text_of(row, "answer")) for row in source.rows(*where)]
        for where in (("knowmem", name), ("knowmem", f"{name}_icl"))
    )
    items = tuple(Item(knowmem_prompt(examples, str(one.question)), one.answer) for one in asked)
    return EvaluationSet(items, KNOWMEM_TOKENS, scored=False, verbatim=True)


# The released code's for MUSE; the other methods train alike, with weights of 1 as in MUSE.
_SIMNPO = {"news": 0.7, "books": 0.75}
_TRAINING = TrainingConfig(
    epochs=10,
    learning_rate=1e-5,
    batch_size=4,
    micro_batch_size=4,
    warmup_epochs=0,
    schedule="constant",
)


def preset(split: str | None, method: str) -> Preset:
    """Return the settings of a method on MUSE.

    Raises:
        UserError: an unknown method.
    """
    if method == "retrain":
        return general_preset(method)
    if method != "simnpo":
        return Preset(build_method(method), _TRAINING)
    beta = _SIMNPO["books" if split == "books" else "news"]
    simnpo = build_method(method, beta=beta, gamma=0.1, forget_weight=1, retain_weight=0.1)
    return Preset(simnpo, _TRAINING)


BENCHMARK = BenchmarkKind("news", lambda split, data_dir, part: muse(split, data_dir), preset)
