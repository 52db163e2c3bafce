"""The files of a command line, checked before any work: inputs are there, outputs can be written, and none stands where
another one does.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from iotids.flowmeter.names import readable_name

CAPTURES = "give captures, or - for standard input"
Paths = Iterable[str | Path | None]


class BadPathError(ValueError):
    """A path of the command line cannot be what it is given for; the message says why, and what was wanted."""

    exit_code = 2  # as of other mistakes on a command line


def check_paths(
    inputs: Mapping[str, Paths],
    outputs: Mapping[str, str | Path | None],
    *,
    folders: Iterable[str] = (),
    ordinary: Iterable[str] = (),
) -> None:
    """Refuse what cannot be read, written, or distinguished from another.

    Parameters
    ----------
    inputs : paths that are read, by what is wanted there, as advice. outputs : paths that are written, by the option that
        names them. None and "-" are no file.
    folders : options whose output is a folder. ordinary : those whose output is no device and no pipe, because it is cut back
        to the last whole piece when no more fits.

    Raises
    ------
    BadPathError
        Nothing has been written when it is raised.
    """
    for advice, paths in inputs.items():
        for path in paths:
            _check_input(path, advice)
    for option, path in outputs.items():
        if path is not None and str(path) != "-":
            _check_output(option, path, as_folder=option in folders, ordinary=option in ordinary)
    refuse_clashes([path for paths in inputs.values() for path in paths], outputs)


def refuse_repeated(paths: Iterable[str | Path]) -> None:
    """Refuse one file under two names, or twice under one: what is in it would count double.

    Raises
    ------
    BadPathError
        It names both.
    """
    seen: dict[tuple[int, int], str] = {}
    for path in paths:
        if str(path) == "-" or not Path(path).is_file():
            continue
        state, shown = Path(path).stat(), readable_name(str(path))
        file = state.st_dev, state.st_ino
        if file in seen:
            twice = (
                f"{shown} is given twice" if seen[file] == shown else f"{seen[file]} and {shown} are one file"
            )
            raise BadPathError(f"{twice}: what is in it would count double; give it once")
        seen[file] = shown


def check_ending(option: str, path: str | Path | None, endings: Iterable[str]) -> None:
    """Refuse a name that does not say as what to write it; None is no file.

    Raises
    ------
    BadPathError
        Another ending, or none.
    """
    *most, last = endings
    if path is not None and Path(path).suffix not in (*most, last):
        wanted = f"{', '.join(most)} or {last}" if most else last
        raise BadPathError(f"{option} {readable_name(str(path))}: the name must end in {wanted}")


def beside(out: Path, ending: str) -> Path:
    """What is written next to an output; of one without a name (`.`), which `check_paths` refuses, itself."""
    return out.with_suffix(ending) if out.name else out


@contextmanager
def naming(path: str | Path | None) -> Iterator[None]:
    """Have an error of the system name the file that was written, where it does not say which."""
    try:
        yield
    except OSError as error:
        if error.errno is not None and error.filename is None and path is not None:
            error.filename = str(path)
        raise


def refuse_clashes(inputs: Paths, outputs: Mapping[str, str | Path | None]) -> None:
    """Refuse an output that stands where an input or another output stands: what is there would be lost. Links are followed.

    Parameters
    ----------
    inputs, outputs : as for `check_paths`; a device or a pipe may be named several times.

    Raises
    ------
    BadPathError
        An output is also an input, or two outputs have one name.
    """
    read = {_place(path) for path in inputs if _is_file(path)}
    taken: dict[str, str] = {}
    for option, path in outputs.items():
        if not _is_file(path):
            continue
        place = _place(path)
        if place in read:
            raise BadPathError(
                f"{option} {path}: this file is read, and would be overwritten; give an output another name"
            )
        if place in taken:
            raise BadPathError(
                f"{taken[place]} and {option} both name {path}; give each output a name of its own"
            )
        taken[place] = option


def _check_input(path: str | Path | None, advice: str) -> None:
    """Refuse what is not there, a folder, or a file that may not be read."""
    if path is None or str(path) == "-":
        return
    if not str(path):
        raise BadPathError(f"a name is empty; {advice}")
    shown = readable_name(str(path))
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise BadPathError(f"{shown}: no such file; {advice}") from None
    except OSError as error:
        raise BadPathError(f"{shown}: cannot be read ({error.strerror}); {advice}") from None
    if stat.S_ISDIR(mode):
        example = f"name the captures in it, for example {shown}/*.pcap" if advice == CAPTURES else advice
        raise BadPathError(f"{shown} is a folder; {example}")
    if not os.access(path, os.R_OK):
        raise BadPathError(f"{shown}: you may not read it; change its permissions, or {advice}")


def _check_output(option: str, path: str | Path, *, as_folder: bool, ordinary: bool) -> None:
    """Refuse a place where no file, or no folder of files, can be made; leaves nothing there.

    An ordinary file is written where it lies, through a link, too; another takes the place of the file or link there.
    """
    named, place = f"{option} {readable_name(str(path))}", Path(path)
    try:
        if place.exists():
            _check_what_is_there(named, place, as_folder=as_folder, ordinary=ordinary)
            if not as_folder and (ordinary or not place.is_file()):
                return
        made = Path(_place(place)) if as_folder or ordinary else Path(_place(place.parent), place.name)
        nearest = next(one for one in (*((made,) if as_folder else ()), *made.parents) if one.exists())
        if not nearest.is_dir():
            raise BadPathError(f"{named}: {readable_name(str(nearest))} is a file and no folder")
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        raise BadPathError(
            f"{named}: no file can be made there ({error.strerror}); give another place"
        ) from None


def _check_what_is_there(named: str, place: Path, *, as_folder: bool, ordinary: bool) -> None:
    """Refuse what cannot be written or replaced; `/dev/stdout` of a shell that writes it to a file is no name to replace."""
    if place.is_dir() != as_folder:
        what = "file; give a folder" if as_folder else "folder; give the name of a file"
        raise BadPathError(f"{named} is a {what}")
    if not os.access(place, os.W_OK):
        raise BadPathError(f"{named}: it is there and may not be written; give another name")
    if ordinary and not place.is_file():
        raise BadPathError(f"{named} is a device or a pipe; give a file, or - for standard output")
    above = _place(place.parent)
    if place.is_file() and not ordinary and (above == "/dev" or above.startswith("/proc/")):
        raise BadPathError(f"{named} is {readable_name(_place(place))} here; give that name")


def _is_file(path: str | Path | None) -> bool:
    """Whether a name stands for a file or folder, be it there or not."""
    if path is None or str(path) == "-":
        return False
    place = Path(path)
    return place.is_file() or place.is_dir() or not place.exists()


def _place(path: str | Path | None) -> str:
    """Where a name leads."""
    return os.path.realpath(str(path))
