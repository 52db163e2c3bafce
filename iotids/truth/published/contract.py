"""What a release of a table is: its columns in their order, what a model may see of them, its labels and classes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OTHER = "(other)"  # the column of an open list's further values


@dataclass(frozen=True)
class Release:
    """One layout of one published table.

    A column is a category, in `identity`, in `left_out`, a label, or a number. Categories become a column of 0 and 1 per value. The values
    are part of the release, so nothing about them is learned from rows that a model is tested on.

    Attributes
    ----------
    name : word in `data.sources.<source>.release` and for `iotids import --release`
    title : data set, authors, year, and which of its files these are
    columns : every column in the order of the files
    header : the files have a line of titles; without one, columns are found by their place
    classes : class of each label, by the label in lower case
    label : column of the label that `classes` knows
    sublabel : column of a finer label
    categories : values by column; a value outside is a fault of the row
    open_lists : columns of `categories` whose list is not complete: other values share a column
    identity : our identity column -> theirs; never seen by a model
    left_out : neither seen nor kept: numbers of rows, times, addresses, free text, further labels
    optional : columns that some files of the release lack
    absent : texts that say that a record has no such field; 0 for a number
    blank_label : what an empty label means, '' where it is a fault
    label_ends_with : a mark after each label
    note : what a reader must know of this choice
    """

    name: str
    title: str
    columns: tuple[str, ...]
    header: bool
    classes: Mapping[str, str]
    label: str
    sublabel: str = ""
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    open_lists: tuple[str, ...] = ()
    identity: Mapping[str, str] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    blank_label: str = ""
    label_ends_with: str = ""
    note: str = ""

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that a model sees as numbers."""
        apart = {*self.categories, *self.identity.values(), *self.left_out, self.label, self.sublabel}
        return tuple(name for name in self.columns if name not in apart)

    @property
    def features(self) -> tuple[str, ...]:
        """Names of what a model sees, in order: numbers, then a column per value of each category."""
        return (*self.numbers, *(name for column in self.categories for name in self.value_columns(column)))

    def value_columns(self, column: str) -> tuple[str, ...]:
        """Names of the columns of 0 and 1 of a category."""
        values = (*self.categories[column], *((OTHER,) if column in self.open_lists else ()))
        return tuple(f"{column}={value}" for value in values)

    @property
    def class_names(self) -> tuple[str, ...]:
        """Classes, sorted."""
        return tuple(sorted(set(self.classes.values())))


def words(text: str, between: str | None = None) -> tuple[str, ...]:
    """The words of a text, at spaces and line ends, or at another sign."""
    return tuple(text.split(between))


def labels_of(classes: Mapping[str, str]) -> dict[str, str]:
    """Class of each label from labels by class, with spaces between them."""
    return {label: name for name, labels in classes.items() for label in labels.split()}
