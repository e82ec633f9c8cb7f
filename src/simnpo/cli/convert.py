"""`simnpo convert`: safetensors from a model's pickles or GGUF file."""

from dataclasses import dataclass
from pathlib import Path

from simnpo.cli.options import Revision
from simnpo.system.terminal import write


@dataclass(frozen=True)
class Convert:
    """Write a model that has its weights as pickles (.bin) or GGUF anew, as safetensors.

    Pickles are read by torch's weights_only, which runs no code of theirs.

    Example: simnpo convert --model old-model --out new-model
    """

    model: str
    """Folder or hub id with pytorch_model.bin or adapter_model.bin, or a .gguf file."""
    out: Path
    """Folder for the model; it must not be there yet."""
    revision: Revision = None

    def run(self) -> None:
        """Convert, and say where the model is."""
        from simnpo.models import quiet
        from simnpo.models.converting import convert

        quiet()
        convert(self.model, self.out)
        write(f"Model: {self.out}")
