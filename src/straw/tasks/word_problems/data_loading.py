"""Rows of data, each with the place where it stands, from a file, a folder or the hub.

    train.jsonl             an object a line                         train.jsonl:17
    train.json              a list of objects                        train.json:17
    train.parquet           a table                                  train.parquet:17
    train.csv               a table, its first line has the names    train.csv:17
    folder                  one of these for each split: train.jsonl, train-00000-of-00002.parquet, train/0.jsonl
    folder saved to disk    by the library `datasets`                data/mine/train:17
    hub                     by name, through the library `datasets`  openai/gsm8k/train:17
    rows:HASH               what a program handed in, see given_rows  .../data/HASH.jsonl:17

A row counts from 1, as lines do. What cannot be read is named by its place; nothing is skipped but blank lines.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from straw.cache_dir import ROWS, rows_file
from straw.errors import DataError, did_you_mean
from straw.files import GIB, MIB, lines_of, read_file, reading

KINDS = (".jsonl", ".json", ".parquet", ".csv")
Row = Mapping[str, Any]
Placed = tuple[str, Row]  # where it stands, and what stands there
LONGEST, MOST = 64 * MIB, 4 * GIB  # of a line; of a file that is one list
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows come from: `path` to a file or a folder, or else a data set of the hub.

    Example: Source(path="data/gsm8k").rows("train")
    """

    path: str | None = None
    hub: str | None = None
    hub_config: str | None = None

    @property
    def has_splits(self) -> bool:
        """A single file has none: whoever asks for a split gets all of it."""
        if self.path is None:
            return True
        path = place_of(self.path)
        return not path.is_file() and not (path / ONE_SPLIT).is_file()

    def named(self, split: str) -> str:
        """The file, or the folder or data set and its split."""
        name = self.path or self.hub or "the rows that were given"
        return f"{name} ({split})" if self.has_splits else name

    def rows(self, split: str) -> Iterator[Placed]:
        """The rows of a split in their order; DataError where there is none."""
        rows = self._rows(split)
        first = next(rows, None)
        if first is None:
            raise DataError(f"{self.path or self.hub} has no row for the split {split!r}: it is empty. Check the data.")
        yield first
        yield from rows

    def _rows(self, split: str) -> Iterator[Placed]:
        if self.path is None:
            yield from hub_rows(self.hub, self.hub_config, split)
            return
        folder = place_of(self.path)
        if is_saved(folder):
            yield from saved_rows(folder, split)
            return
        for file in files_of(folder, split):
            yield from file_rows(file)


# --- files


def place_of(path: str) -> Path:
    place = rows_file(path) if ROWS.fullmatch(path) else Path(path).expanduser()
    try:
        place.exists()
    except (OSError, ValueError) as error:  # a name that is too long, or with a zero in it
        why = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"path names a file or a folder; {path[:60]!r} is none ({why}). Check path.") from None
    return place


def files_of(path: Path, split: str) -> list[Path]:
    """The files of a split, in the order of their names."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise DataError(f"path names a file or a folder with data, and there is no {path}. Check path.")
    found = sorted(file for file in path.rglob("*") if file.suffix in KINDS and file.is_file())
    files = [file for file in found if split in splits_of(file, path)]
    if not files:
        splits = sorted({name for file in found for name in splits_of(file, path)})
        raise no_split(split, path, splits)
    if len({(file.parent, file.suffix) for file in files}) > 1:
        listed = ", ".join(str(file.relative_to(path)) for file in files[:4])
        raise DataError(f"the split {split!r} is in {path} more than once: {listed}. Name one of them in path.")
    return files


def no_split(split: str, folder: Path, splits: list[str]) -> DataError:
    hint = did_you_mean(split, splits).rstrip("?") if splits else f"no file in it ends in {', '.join(KINDS)}"
    return DataError(
        f"there is no split {split!r} in {folder}: {hint}. Write train_split and eval_split (the same: a share is held "
        "out), or path."
    )


def splits_of(file: Path, folder: Path) -> set[str]:
    """train.jsonl, train-00000-of-00002.parquet and train/anything.jsonl are all of train."""
    name = file.stem.partition("-0")[0]
    return {name} if file.parent == folder else {name, file.parent.name}


def file_rows(file: Path) -> Iterator[Placed]:
    try:
        yield from READERS[file.suffix](file) if file.suffix in READERS else unknown(file)
    except OSError as error:
        raise DataError(f"{file} cannot be read ({error.strerror}). Check path.") from None


def unknown(file: Path) -> Iterator[Placed]:
    raise DataError(f"data ends in {', '.join(KINDS)}; got {file}. Convert it, or check path.")


def json_lines(file: Path) -> Iterator[Placed]:
    """Line by line, so that a large file is never in memory as text."""
    name = str(file)
    with reading(file, follow=True) as lines:
        for number, line in enumerate(lines_of(lines, LONGEST), 1):
            if not line.isspace():
                place = f"{name}:{number}"
                yield place, an_object(place, parsed(place, line.removeprefix(BOM) if number == 1 else line))


def json_list(file: Path) -> Iterator[Placed]:
    rows = parsed(str(file), read_file(file, MOST, follow=True).removeprefix(BOM))
    if not isinstance(rows, list):
        raise DataError(
            f"{file} is to hold a list of objects, got {type(rows).__name__}. Write an object a line, .jsonl."
        )
    for number, row in enumerate(rows, 1):
        yield f"{file}:{number}", an_object(f"{file}:{number}", row)


def parquet_rows(file: Path) -> Iterator[Placed]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise DataError(f"{file} is read by pyarrow, which is not installed: pip install 'straw[data]'.") from None
    number = 0
    try:
        with parquet.ParquetFile(file) as table:
            for batch in table.iter_batches():
                for row in batch.to_pylist():
                    number += 1
                    yield f"{file}:{number}", row
    except pyarrow.ArrowException as error:
        raise DataError(f"{file}:{number + 1} is not parquet: {first_line(error)}. Check the file.") from None


def csv_rows(file: Path) -> Iterator[Placed]:
    """Every value is a text; a row begins where its line does, and may have more lines than one."""
    with reading(file, follow=True) as raw, io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as lines:
        rows = csv.DictReader(lines, strict=True)
        try:
            for row in rows:
                place = f"{file}:{rows.line_num}"
                if None in row or None in row.values():
                    raise DataError(f"{place} has another number of fields than the first line. Mend or remove it.")
                yield place, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{file}:{rows.line_num + 1} is not CSV: {first_line(error)}. Mend or remove it.") from None


READERS = {".csv": csv_rows, ".jsonl": json_lines, ".json": json_list, ".parquet": parquet_rows}


def parsed(place: str, line: bytes) -> Any:
    try:
        return DECODER.decode(line.decode().rstrip())
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not UTF-8 (byte {error.start + 1}). Save the file as UTF-8.") from None
    except json.JSONDecodeError as error:
        fault = f"{error.msg.removesuffix(' at')} at character {error.pos + 1}"
        raise DataError(f"{place} is not JSON: {fault}. Mend or remove it.") from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"{place} is not JSON that can be used: {first_line(error)}. Mend or remove it.") from None


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object in which no key is written twice: of two values only one would be seen."""
    row = dict(pairs)
    if len(row) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the field {next(key for key in keys if keys.count(key) > 1)!r} is there twice")
    return row


DECODER = json.JSONDecoder(object_pairs_hook=once)


def an_object(place: str, row: Any) -> Row:
    if not isinstance(row, dict):
        raise DataError(f"{place} is to be an object with named fields, got {type(row).__name__}. Mend or remove it.")
    return row


def first_line(error: BaseException) -> str:
    return (str(error) or type(error).__name__).partition("\n")[0].rstrip(".")


# --- what the library `datasets` has


ONE_SPLIT, SPLITS = "dataset_info.json", "dataset_dict.json"  # of Dataset.save_to_disk, of DatasetDict's


def is_saved(folder: Path) -> bool:
    return (folder / ONE_SPLIT).is_file() or (folder / SPLITS).is_file()


def saved_rows(folder: Path, split: str) -> Iterator[Placed]:
    """A data set that was saved to disk: one split, or several by name."""
    library = the_library(str(folder))
    try:
        found = library.load_from_disk(str(folder))
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{folder} is no data set that was saved to disk ({first_line(error)}). Check path.") from None
    if isinstance(found, library.DatasetDict):
        if split not in found:
            raise no_split(split, folder, sorted(found))
        found = found[split]
    for number, row in enumerate(found, 1):
        yield f"{folder}/{split}:{number}", row


def the_library(name: str) -> Any:
    try:
        import datasets
    except ImportError:
        raise DataError(
            f"{name} is read by the library datasets, which is not installed: pip install 'straw[data]', "
            "or write path=FILE with the data."
        ) from None
    return datasets


def hub_rows(name: str | None, config: str | None, split: str) -> Iterator[Placed]:
    if name is None:
        raise DataError("this task has no data of its own: write path=FILE (or a folder), or hub=NAME.")
    try:
        rows = the_library(name).load_dataset(name, config, split=split)
    except (OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{name}, split {split!r}, cannot be had from the hub ({first_line(error)}). "
            "Write path=FILE, or a folder with a file for each split, if you have it here."
        ) from None
    for number, row in enumerate(rows, 1):
        yield f"{name}/{split}:{number}", row
