"""Data frames as CSV, by the rule of `tembr.tables`."""

from __future__ import annotations

from os import PathLike

import pandas as pd

from tembr import tables


def write_frame(frame: pd.DataFrame, path: str | PathLike, float_format: str | None = None, flush: bool = True) -> None:
    """Write a frame without its index, whole or not at all; floats as `float_format` says ('%.6g'), none as nothing.

    Raises:
        StoreError: it could not be written; an older one is then untouched.
    """
    columns, shown = list(frame.columns), frame.astype(object).where(frame.notna(), "")
    for name in frame.select_dtypes("floating") if float_format else ():
        shown[name] = [value if value == "" else float_format % value for value in shown[name]]
    rows = (dict(zip(columns, row)) for row in shown.itertuples(index=False, name=None))
    tables.write(path, columns, rows, flush)


def read_frame(path: str | PathLike, **options) -> pd.DataFrame:
    """Read what `write_frame` or `tables.write` wrote; `options` are those of `pandas.read_csv`."""
    frame = pd.read_csv(path, **options)
    texts = [column for column in frame.columns if not pd.api.types.is_numeric_dtype(frame[column])]
    originals = {column: frame[column].map(tables.original, na_action="ignore") for column in texts}
    return frame.assign(**originals)
