"""open-unlearning (github.com/locuslab/open-unlearning) as the other side of the speed benchmarks.

Its checkout is run by the Python of an environment of its own, in a temporary folder; nothing of it
is imported here and nothing is written into it. To make both (commit d3d7cf9 is what has been
measured; torch is the version both sides should have):

    git clone https://github.com/locuslab/open-unlearning
    python3.11 -m venv peer-env
    peer-env/bin/pip install torch==2.13.0 --index-url https://download.pytorch.org/whl/cpu
    peer-env/bin/pip install transformers==4.45.1 numpy==2.2.3 hydra-core==1.3 \
        hydra_colorlog==1.2.0 datasets==3.0.1 accelerate==0.34.2 rouge-score==0.1.2 scipy==1.14.1 \
        scikit-learn==1.5.2 huggingface-hub==0.29.1 tensorboard==2.18.0

These are its pinned requirements without bitsandbytes, deepspeed and lm-eval, which nothing here
uses; it imports the last two all the same, so empty modules stand in for them where they are
missing.

What is the same on both sides: the model folder, in float32; the data and its prompts; rows a step;
fused AdamW without clipping, weight decay or warm-up; PyTorch's attention; the CPU's threads. Its
configuration is changed for that alone: its own asks for flash-attention, bfloat16 and a paged
optimizer, which need a GPU. Its evaluation runs without two metrics of its default suite that ours
does not compute: `privleak`, whose holdout set is not among TOFU's own files, and
`extraction_strength`, one more pass over the forget set.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from common import seconds

from simnpo.errors import UserError
from simnpo.models import save_model

NAME = "open-unlearning"
HANDLERS = {"simnpo": "SimNPO", "npo": "NPO"}
"""Its trainers; both hold the retain set with its NLL."""
MODEL = [
    "model=Llama-2-7b-chat-hf",
    "model.model_args.pretrained_model_name_or_path=model",
    "model.tokenizer_args.pretrained_model_name_or_path=model",
    "model.model_args.attn_implementation=sdpa",
    "model.model_args.torch_dtype=float32",
]
TRAINING = [
    "--config-name=unlearn.yaml",
    *MODEL,
    "task_name=training",
    "~eval",
    "data.forget.TOFU_QA_forget.args.hf_args.name=forget05",
    "data.retain.TOFU_QA_retain.args.hf_args.name=retain95",
    "trainer.args.gradient_accumulation_steps=1",
    "trainer.args.optim=adamw_torch_fused",
    "+trainer.args.max_grad_norm=0",
    "trainer.args.bf16=False",
    "trainer.args.bf16_full_eval=False",
    "trainer.args.do_eval=False",
    "trainer.args.eval_on_start=False",
    "trainer.args.eval_strategy=no",
    "trainer.args.report_to=none",
    "trainer.args.logging_steps=500",
    "+trainer.args.disable_tqdm=True",
    "+trainer.args.use_cpu=True",
]
EVALUATION = [
    "--config-name=eval.yaml",
    *MODEL,
    "model.model_args.device_map=cpu",
    "task_name=evaluation",
    "eval.tofu.forget_split=forget05",
    "eval.tofu.overwrite=true",
    "~eval.tofu.metrics.privleak",
    "~eval.tofu.metrics.extraction_strength",
]
STAND_INS = {
    "deepspeed/__init__.py": "",
    "lm_eval/__init__.py": "simple_evaluate = None",
    "lm_eval/tasks.py": "TaskManager = None",
    "lm_eval/models/hf_vlms.py": "HFLM = None",
}
"""What it imports from modules that only its GPU paths use."""
METRICS = {
    "forget_Q_A_Prob": "forget.probability",
    "forget_Q_A_ROUGE": "forget.rouge_l",
    "forget_truth_ratio": "forget.truth_ratio",
    "model_utility": "model_utility",
}
"""Its metrics, and what ours calls them."""
VERSIONS = (
    "import torch, transformers; print(f'torch {torch.__version__}, "
    "transformers {transformers.__version__}, {torch.get_num_threads()} threads')"
)
TAIL = 25


@dataclass
class PeerOptions:
    """Another project to time beside ours."""

    peer: Path | None = None
    """Checkout of open-unlearning to time as well; see benchmarks/peer.py."""
    peer_python: Path | None = None
    """Python of an environment with its requirements."""


class Evaluated(NamedTuple):
    """What an evaluation took and found."""

    whole: float
    """Seconds of the command, the start of Python and the imports included."""
    alone: float
    """Seconds from loading the model to the metrics."""
    metrics: dict[str, float]


class Peer:
    """A checkout of open-unlearning with its Python, a folder to run it in, and the data.

    Raises:
        UserError: an option is missing, is not what it should be, or the Python lacks torch or
            transformers.
    """

    def __init__(self, options: PeerOptions, data_dir: str | None, folder: Path):
        if options.peer is None or options.peer_python is None:
            raise UserError(
                "--peer and --peer-python go together: a checkout, and the Python of an "
                "environment with its requirements."
            )
        if data_dir is None:
            raise UserError("--peer needs --data-dir, so that both sides read the same files.")
        self._scripts = _scripts(options.peer)
        self._python = _python(options.peer_python)
        self._folder, self._data_dir = folder, data_dir
        self._stand_ins = folder / "stand-ins"
        for name, text in STAND_INS.items():
            path = self._stand_ins / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        _lay_out_as_hub(Path(data_dir), folder / "locuslab" / "TOFU")
        self.versions = self._run([self._python, "-c", VERSIONS]).splitlines()[-1]

    def take(self, model: Any, tokenizer: Any) -> None:
        """Save the model that both sides are to load."""
        save_model(model, tokenizer, self._folder / "model")
        # transformers 5 names a class that the version it pins does not have
        path = self._folder / "model" / "tokenizer_config.json"
        settings = json.loads(path.read_text()) | {"tokenizer_class": "PreTrainedTokenizerFast"}
        path.write_text(json.dumps(settings))

    def seconds_per_step(self, method: str, steps: int, rows: int) -> float:
        """Return its median over `steps` steps of `rows` forget and `rows` retain examples.

        Raises:
            UserError: the run failed; with the end of what it said.
        """
        times = self._folder / "times.json"
        self._script(
            "train.py",
            *TRAINING,
            f"trainer={HANDLERS[method]}",
            f"trainer.args.per_device_train_batch_size={rows}",
            f"+trainer.args.max_steps={steps}",
        )
        return median(json.loads(times.read_text()))

    def evaluate(self) -> Evaluated:
        """Run its TOFU evaluation.

        Raises:
            UserError: the run failed; with the end of what it said.
        """
        whole = seconds(lambda: self._script("eval.py", *EVALUATION))
        results = self._folder / "saves" / "eval" / "evaluation"
        summary = results / "TOFU_SUMMARY.json"
        # hydra writes the configuration when all is imported, just before the work begins
        started = (results / ".hydra" / "config.yaml").stat().st_mtime
        return Evaluated(whole, summary.stat().st_mtime - started, json.loads(summary.read_text()))

    def evaluate_ours(self) -> Evaluated:
        """Run `simnpo evaluate` on the same model, as a command of its own, too.

        Raises:
            UserError: the run failed; with the end of what it said.
        """
        out = self._folder / "ours"
        command = [sys.executable, "-m", "simnpo", "evaluate", "--model", "model", "--overwrite"]
        command += ["--benchmark", "tofu", "--split", "forget05", "--template", "llama2"]
        command += ["--data-dir", os.path.abspath(self._data_dir), "--out", str(out)]
        whole = seconds(lambda: self._run(command, ours=True))
        summary = json.loads((out / "summary.json").read_text())
        return Evaluated(whole, summary["seconds"], summary["metrics"])

    def _script(self, name: str, *arguments: str) -> None:
        clock = Path(__file__).with_name("clock.py")
        command = [self._python, clock, "times.json", self._stand_ins, self._scripts / name]
        self._run([*map(str, command), *arguments])

    def _run(self, command: list[str], ours: bool = False) -> str:
        """Run a command in the folder, on the CPU and without the hub; return what it printed."""
        environment = os.environ | {
            "CUDA_VISIBLE_DEVICES": "",
            "HF_DATASETS_CACHE": str(self._folder / "datasets"),
            "HF_HUB_OFFLINE": "1",
            "HYDRA_FULL_ERROR": "1",
        }
        if not ours:
            environment.pop("PYTHONPATH", None)
        ended = subprocess.run(
            command,
            cwd=self._folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        if ended.returncode:
            tail = "\n".join(ended.stdout.splitlines()[-TAIL:])
            raise UserError(
                f"this command ended with code {ended.returncode}; its last lines:\n"
                f"  {subprocess.list2cmdline(command)}\n{tail}"
            )
        return ended.stdout


def peer_of(options: PeerOptions, data_dir: str | None, folder: Path) -> Peer | None:
    """Return the peer that the options ask for, if they do.

    Raises:
        UserError: see `Peer`.
    """
    asked = options.peer is not None or options.peer_python is not None
    return Peer(options, data_dir, folder) if asked else None


def largest_difference(theirs: dict[str, float], ours: dict[str, float]) -> tuple[str, float]:
    """Return the common metric (by our name) that differs most, and by how much."""
    off = {name: abs(theirs[key] - ours[name]) for key, name in METRICS.items()}
    name = max(off, key=off.__getitem__)
    return name, off[name]


def _scripts(checkout: Path) -> Path:
    folder = checkout.absolute() / "src"
    for name in ("train.py", "eval.py"):
        if not (folder / name).is_file():
            raise UserError(
                f"--peer {checkout} is not a checkout of open-unlearning: it has no src/{name}."
            )
    return folder


def _python(given: Path) -> str:
    found = shutil.which(given)
    if found is None:
        raise UserError(
            f"--peer-python {given} is not a program that can be run; give an environment's "
            "bin/python."
        )
    return os.path.abspath(found)  # not resolved: a venv's Python is a link


def _lay_out_as_hub(data_dir: Path, folder: Path) -> None:
    """Copy TOFU's files to where `load_dataset("locuslab/TOFU", name)` looks before the hub.

    That is a folder of this name below the working folder; its card says which name means which
    file, as the hub's own does. So its configuration stays as it is.
    """
    folder.mkdir(parents=True)
    card = ["---", "configs:"]
    for path in sorted(data_dir.glob("*.json")):
        shutil.copy(path, folder)
        card += [f"- config_name: {path.stem}", f"  data_files: {path.name}"]
    (folder / "README.md").write_text("\n".join([*card, "---", ""]))
