"""The paper's benchmarks in their own layouts, a handful of rows each, and models to start from."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from small_data import QUESTIONS, write_rows

from simnpo.paper.scale import Scale, paper

TEXTS = [f"{question} {answer}" for question, answer in QUESTIONS]
LETTERS = ["one", "two", "three", "four"]


def write_tofu(folder: Path) -> Path:
    """TOFU with both of the paper's splits: the second forgets what the first does, and more."""
    folder.mkdir()
    plain = [{"question": question, "answer": answer} for question, answer in QUESTIONS]
    perturbed = [
        row
        | {
            "paraphrased_answer": f"Indeed: {row['answer']}",
            "perturbed_answer": [f"Indeed: {word}." for word in ("no", "yes", "never", "x", "y")],
        }
        for row in plain
    ]
    controls = [row | {"perturbed_answer": ["Never.", "Always."]} for row in plain[:3]]
    for split, retain, count in (("forget05", "retain95", 3), ("forget10", "retain90", 4)):
        write_rows(folder / f"{split}.json", plain[:count])
        write_rows(folder / f"{retain}.json", plain[count:])
        write_rows(folder / f"{split}_perturbed.json", perturbed[:count])
    for name, rows in {
        "retain_perturbed": perturbed[4:],
        "real_authors_perturbed": controls,
        "world_facts_perturbed": controls,
    }.items():
        write_rows(folder / f"{name}.json", rows)
    return folder


def write_muse(folder: Path) -> Path:
    """MUSE News, with its successive requests."""
    rows = [{"question": question, "answer": answer} for question, answer in QUESTIONS]
    files: dict[str, Any] = {
        "raw/forget": TEXTS[:4],
        "raw/retain1": TEXTS[4:6],
        "verbmem/forget": [{"prompt": q, "gt": f" {a}"} for q, a in QUESTIONS[:2]],
        "privleak/forget": TEXTS[:3],
        "privleak/holdout": [f"{text} Or so they say." for text in TEXTS[5:]],
    }
    for part, own in (("forget", rows[:2]), ("retain", rows[4:6])):
        files |= {f"knowmem/{part}_qa": own, f"knowmem/{part}_qa_icl": rows[6:]}
    files |= {f"sust/forget_{number}": TEXTS[number : number + 1] for number in (1, 2, 3, 4)}
    for name, content in files.items():
        path = folder / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    return folder


def write_wmdp(folder: Path) -> Path:
    """WMDP's biology with MMLU beside it, and the corpora that RMU trains on."""
    folder.mkdir()
    for name in ("wmdp-bio", "mmlu"):
        asked = [
            {"question": f"{name} {n}?", "choices": LETTERS, "answer": n % 4} for n in range(5)
        ]
        write_rows(folder / f"{name}.jsonl", asked)
    write_rows(folder / "bio-forget-corpus.jsonl", [{"text": text * 2} for text in TEXTS])
    write_rows(folder / "wikitext.jsonl", [{"text": text[::-1] * 2} for text in TEXTS])
    return folder


def tiny_paper(folder: Path, make_llama: Callable[..., Any], tokenizer: Any) -> Scale:
    """Return the paper's scale on such folders, with models of its kinds, as small as can be."""
    names = []
    for seed, name in enumerate(("base", "target", "retrain", "zephyr")):
        # RMU takes the activations of layer 7.
        layers = 8 if name == "zephyr" else 1
        model = make_llama(seed, num_hidden_layers=layers, max_position_embeddings=2048)
        model.save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
        names.append(str(folder / name))
    base, target, retrain, zephyr = names
    scale = paper(base, str(write_tofu(folder / "tofu")))
    muse = str(write_muse(folder / "muse"))
    local = {"data_dir": muse, "original": target, "retrain": retrain}
    assert scale.books is not None
    return replace(
        scale,
        news=replace(scale.news, **local),
        books=replace(scale.books, **local),
        wmdp=replace(scale.wmdp, data_dir=str(write_wmdp(folder / "wmdp")), original=zephyr),
    )
