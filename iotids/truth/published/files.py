"""The files of a published table, read into one table a batch at a time, with an account of what did not fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from iotids.flowmeter.names import text_of_name
from iotids.truth.imports.csv_texts import read_batches
from iotids.truth.labelling.notices import Notice
from iotids.truth.published.contract import Release
from iotids.truth.published.layout import find_layout
from iotids.truth.published.records import Account, rows_of


@dataclass(frozen=True)
class ReadFile:
    """One file: its name in the table, and what was read of it."""

    name: str
    account: Account

    def notices(self) -> Iterator[Notice]:
        """What a person should know of it."""
        for reason, n in self.account.reasons.most_common(20):
            yield Notice("broken_rows", "warning", n, f"{self.name}: rows cannot be used: {reason}")
        for column, n in self.account.others.items():
            if n:
                yield Notice(
                    "other_values", "info", n, f"{self.name}: values of {column} that share a column"
                )


def read_files(
    paths: Mapping[str, Path],
    release: Release,
    write: Callable[[pa.Table], None],
    classes: Mapping[str, str] | None = None,
) -> list[ReadFile]:
    """Read files of one release, by the name that each shall have, and hand their rows to `write`.

    Parameters
    ----------
    write : takes rows of `records.table_schema(release)`
    classes : class of each label in lower case; the release's if None

    Raises
    ------
    ValueError
        Another release's table, missing columns, labels without a class, no row that can be used; what `write` took
        is no table then.
    """
    known = release.classes if classes is None else classes
    return [_read_file(path, name, release, write, known) for name, path in paths.items()]


def _read_file(
    path: Path, name: str, release: Release, write: Callable[[pa.Table], None], classes: Mapping[str, str]
) -> ReadFile:
    """Read one file."""
    layout, account = find_layout(path, release), Account()
    lines: list[str] = []
    for texts in read_batches(path, layout.n_fields, n_lines=layout.n_lines, lines=lines):
        if account.rows == 0 and texts.num_rows:
            _check_mark(path, texts.column(layout.places[release.label]), release)
        rows = rows_of(texts, layout.places, release, capture=name, account=account)
        check_labels(path, account.labels, classes, release)
        write(rows)
    account.put_aside(lines, [f"not as many fields as the first line ({layout.n_fields})"] * len(lines))
    if not account.rows:
        first = (
            f"the first: {account.lines[0][1]}: {account.lines[0][0][:120]!r}"
            if account.lines
            else "there is no row"
        )
        raise ValueError(f"{path}: no row can be used as {release.title}; {first}")
    return ReadFile(name, account)


def check_labels(
    path: Path, labels: Sequence[str] | Mapping[str, int], classes: Mapping[str, str], release: Release
) -> None:
    """Refuse labels without a class (ValueError, with their names)."""
    if unknown := sorted(label for label in labels if label.lower() not in classes):
        shown = ", ".join(repr(label[:60]) for label in unknown[:20]) + " …" * (len(unknown) > 20)
        raise ValueError(
            f"{path}: labels without a class in {release.title}: {shown}; is it another year or copy of the table?"
        )


def _check_mark(path: Path, labels: pa.ChunkedArray, release: Release) -> None:
    """Refuse a table whose labels lack the mark that the release has after each."""
    mark = release.label_ends_with
    if mark and not any(label.strip().endswith(mark) for label in labels.slice(0, 1000).to_pylist()):
        raise ValueError(
            f"{path}: labels such as {labels[0].as_py()[:40]!r} do not end with {mark!r} as those of {release.title}; is it nsl_kdd?"
        )


def find_files(folder: Path, names: Sequence[str]) -> dict[str, Path]:
    """Files of a folder by their name in it; a name may have wild cards, which give files in the order of their names.

    Raises
    ------
    FileNotFoundError
        No file for a name.
    """
    paths: list[Path] = []
    for name in names:
        found = sorted(folder.glob(name)) if set(name) & set("*?[") else [folder / name]
        if not found or not all(path.is_file() for path in found):
            raise FileNotFoundError(f"{folder / name}: no such file; it is named in data.sources")
        paths += found
    return {text_of_name(path.relative_to(folder).as_posix()): path for path in dict.fromkeys(paths)}
