"""Read params.yaml section by section, strictly; and compose it from conf/ the way DVC does.

`iotids params [OVERRIDE…]` writes params.yaml anew, for example after an edit in conf/ or
with `preset=smoke`.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

T = TypeVar("T")

PARAMS_FILE = Path("params.yaml")
TYPES: dict[Any, tuple[tuple[type, ...], str]] = {
    bool: ((bool,), "true or false"),
    int: ((int,), "a whole number"),
    float: ((int, float), "a number, written as 0.1 or 1.0e-6"),
    str: ((str,), "text"),
    Path: ((str,), "a path"),
}
REMEDY = "edit conf/ and run `iotids params` (params.yaml itself is generated)"


@dataclass(frozen=True)
class Data:
    """Which captures are used and which classes they can have (section `data`).

    `root` is resolved by `read_data(captures=True)`. `sources` maps a source's name to its kind, folder and
    truth files.
    """

    name: str
    root: Path
    sources: dict[str, dict[str, Any]]
    classes: tuple[str, ...]
    benign: str

    def root_of(self, source: str) -> Path:
        """The folder that a source's paths are relative to: its own `root`, or that of all.

        Raises
        ------
        KeyError
            No such source; the message lists those that there are.
        FileNotFoundError
            The source's own root is not there.
        """
        if source not in self.sources:
            raise KeyError(f"no source {source!r} in data.sources; there are {', '.join(self.sources)}")
        own = self.sources[source].get("root")
        return self.root if own is None else find_root(str(own), key=f"data.sources.{source}.root")


def read_section(name: str, kind: type[T], path: str | Path = PARAMS_FILE) -> T:
    """Read one section of params.yaml into a dataclass.

    Lists become tuples. Every field of `kind` must be there, of its type, and nothing else.

    Raises
    ------
    KeyError
        A section or key is missing, unknown, or still `???`; the message names it.
    ValueError
        The file is no YAML, or a value is of another type than the field (`width: wide`).
    FileNotFoundError
        No params.yaml.
    """
    section = read_params(Path(path)).get(name)
    if not isinstance(section, Mapping):
        raise KeyError(f"{path}: no section `{name}`: {REMEDY}")
    declared = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    wanted = set(declared)
    required = {name for name, field in declared.items() if MISSING is field.default is field.default_factory}
    if unknown := sorted(set(section) - wanted):
        raise KeyError(
            f"{path}: unknown key {_names(name, unknown)}; known are {', '.join(sorted(wanted))}: {REMEDY}"
        )
    if missing := sorted(required - set(section)):
        raise KeyError(f"{path}: missing key {_names(name, missing)}: {REMEDY}")
    if unset := sorted(key for key, value in section.items() if value == "???"):
        raise KeyError(
            f"{path}: {_names(name, unset)} has no value (`???`): give one with `-S {name}.{unset[0]}=…` or in conf/{name}/"
        )
    hints = get_type_hints(kind)
    for key, value in section.items():
        if not _fits(value, hints[key]):
            raise ValueError(
                f"{path}: {_names(name, [key])} is {value!r}; wanted is {_in_words(hints[key])}: {REMEDY}"
            )
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in section.items()})


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value from YAML has the type of a field; whole numbers are numbers, true and false are
    neither.
    """
    if get_origin(hint) is tuple:
        return isinstance(value, list) and all(_fits(one, get_args(hint)[0]) for one in value)
    if hint in TYPES:
        return isinstance(value, TYPES[hint][0]) and (hint is bool or not isinstance(value, bool))
    return isinstance(value, Mapping) if get_origin(hint) in (dict, Mapping) else True


def _in_words(hint: Any) -> str:
    """Name the type of a field for people."""
    if get_origin(hint) is tuple:
        return f"a list, each of it {_in_words(get_args(hint)[0])}"
    return TYPES[hint][1] if hint in TYPES else "a mapping"


def read_data(path: str | Path = PARAMS_FILE, *, captures: bool = False) -> Data:
    """Read section `data`; with `captures`, also find its root (stages that open no capture run without one).

    Raises
    ------
    KeyError
        As `read_section`.
    FileNotFoundError
        With `captures`, when the root is not there; the message says how to get the sample.
    """
    data = read_section("data", Data, path)
    if data.benign not in data.classes:
        raise KeyError(
            f"{path}: data.benign is {data.benign!r}, but data.classes are {', '.join(data.classes)}"
        )
    return Data(**{**vars(data), "root": find_root(str(data.root)) if captures else Path(data.root)})


def find_root(root: str, *, key: str = "data.root") -> Path:
    """Find a capture folder named in the parameters.

    A relative path is looked for in the current folder and then in the workspace (DVC_ROOT): an experiment
    with `--temp` or from the queue runs in a copy elsewhere, from where `../captures` would lead nowhere.

    Raises
    ------
    FileNotFoundError
        With the places looked at and what to do.
    """
    places = [Path(root).expanduser(), Path(os.environ.get("DVC_ROOT", ".")) / Path(root).expanduser()]
    for place in places:
        if place.is_dir():
            return place
    looked = " and ".join(dict.fromkeys(str(place.absolute()) for place in places))
    raise FileNotFoundError(
        f"{key} {root}: no such folder (looked at {looked}). "
        f"The sample comes with `make` or `dvc pull data.dvc`; other captures by `-S {key}=…`"
    )


def read_params(path: Path) -> Mapping[str, Any]:
    """Load the whole file; errors as `read_section`."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path.absolute()}: no parameters here; run from the repository's root, or write them with `iotids params`"
        )
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: no YAML ({' '.join(str(error).split())}): {REMEDY}") from error


def _names(section: str, keys: list[str]) -> str:
    """Write keys with their section."""
    return ", ".join(f"`{section}.{key}`" for key in keys)


def compose(overrides: list[str], params_file: Path = PARAMS_FILE, config_dir: Path = Path("conf")) -> None:
    """Write params.yaml from conf/ with DVC's own composer, so that `dvc repro` and `dvc exp run` agree.

    Raises
    ------
    ValueError
        An override that cannot be read, names no key or no file of conf/; params.yaml stays as it was.
    """
    from dvc.utils.hydra import compose_and_dump
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    try:
        compose_and_dump(params_file, str(config_dir.absolute()), None, "config", "", overrides)
    except (HydraException, OmegaConfBaseException) as error:
        what = " ".join(str(error).split("Config search path")[0].split())
        raise ValueError(f"{' '.join(overrides)}: {what}; {params_file} stays as it was") from error


def main() -> None:
    """Write params.yaml with the overrides of the command line."""
    parser = argparse.ArgumentParser(
        prog="iotids params", description="Compose params.yaml from conf/, as `dvc exp run` does."
    )
    parser.add_argument(
        "overrides", nargs="*", metavar="KEY=VALUE", help="as for `dvc exp run -S`, for example preset=smoke"
    )
    overrides = parser.parse_args().overrides
    compose(overrides)
    print(f"{PARAMS_FILE} written from conf/ {' '.join(overrides)}")


if __name__ == "__main__":
    main()
