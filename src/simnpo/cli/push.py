"""`simnpo push`: a model to the Hugging Face hub."""

from dataclasses import dataclass
from pathlib import Path

from simnpo.system.terminal import write


@dataclass(frozen=True)
class Push:
    """Upload a model with its card to the Hugging Face hub, as a private repository.

    Only the model's own files go there: no data, no run.json. Log in first with `hf auth login`.

    Example: simnpo push --model out --repo user/my-model
    """

    model: str
    """Model to upload: a finished run of simnpo, or a model's folder."""
    repo: str
    """Repository on the hub, user/name; it is made if it is not there."""
    public: bool = False
    """Let everyone see the repository."""

    def run(self) -> None:
        """Upload, and say where the model is."""
        from simnpo.experiments.model_card import write_model_card
        from simnpo.models import quiet
        from simnpo.models.publishing import model_files, push
        from simnpo.storage.runs import RUN

        quiet()
        model_files(self.model)
        if (Path(self.model) / RUN).is_file():
            write_model_card(Path(self.model))  # it may have been evaluated since
        folder, files = model_files(self.model)
        size = sum(path.stat().st_size for path in files)
        write(f"Uploading {len(files)} files, {size / 2**20:.0f} MiB, to {self.repo}:")
        write(", ".join(path.name for path in files))
        address, private = push(folder, files, self.repo, self.public)
        write(f"Model: {address} ({'private' if private else 'public'})")
