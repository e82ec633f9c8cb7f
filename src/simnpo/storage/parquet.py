"""Parquet tables of bounded size: a file of a kilobyte may stand for gigabytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from simnpo.errors import UserError
from simnpo.storage.file_checks import RATIO, bomb, check_regular

MOST_BYTES = 1 << 30
"""Of memory that a table may take if that is `RATIO` times the size of its file."""
_BATCH = 128  # rows that are unpacked before they are counted


def read_parquet(path: Path) -> pd.DataFrame:
    """Return the table of a file.

    Raises:
        UserError: it does not exist or is no Parquet file; or its table is far larger than it is,
            or has two columns of one name.
    """
    import pyarrow
    from pyarrow import parquet

    check_regular(path)
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            twice = next((name for name in names if names.count(name) > 1), None)
            if twice is not None:
                raise UserError(f"{path}: two columns are named {twice!r}; rename one.")
            batches = list(_bounded(path, file))
            table = pyarrow.Table.from_batches(batches, schema=file.schema_arrow)
        made: pd.DataFrame = table.to_pandas()
        return made
    except UserError:
        raise
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError, LookupError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} is not a Parquet file: {reason:.300}") from None


def _bounded(path: Path, file: Any) -> Iterator[Any]:
    """Yield the batches of a file as long as they are not far larger than it is."""
    size, unpacked = path.stat().st_size, 0
    most = max(MOST_BYTES, RATIO * size)
    metadata = file.metadata
    # One value may be as long as its whole column.
    columns = [
        group.column(number).total_uncompressed_size
        for group in map(metadata.row_group, range(metadata.num_row_groups))
        for number in range(group.num_columns)
    ]
    largest = max(columns, default=0)
    if largest > most:
        raise bomb(path, largest)
    small = size < MOST_BYTES // RATIO  # of larger files a few rows cannot stand for so much
    rows = max(1, min(_BATCH, most // max(1, largest))) if small else _BATCH
    for batch in file.iter_batches(batch_size=rows):
        unpacked += batch.nbytes
        if unpacked > most:
            raise bomb(path, unpacked)
        yield batch
