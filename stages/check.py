"""Check every name, type, split and model in params.yaml, in about a second and before an hour of work.

In: params.yaml. Out: out/check.json, which names the checked sections and changes with nothing else, so that no
later stage becomes stale.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

from iotids.plumbing.cross_checks import CHECKS, Params, found_by
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.params import PARAMS_FILE, Data, find_root, read_data, read_params, read_section
from iotids.plumbing.params_check import advice
from iotids.writing.tables import write_json

SECTIONS = (
    "meter",
    "label",
    "integrate",
    "split",
    "audit",
    "network",
    "baseline",
    "score",
    "report",
    "final",
)


def check_section(name: str, params: Params) -> Iterator[str]:
    """Keys and types of a section, and what its stage refuses by itself."""
    read_section(name, import_module(f"stages.{name}").Params)
    yield from ()


def faults(params: Params) -> list[str]:
    """Everything that is wrong, a line each; names are compared once every section can be read."""
    found = [fault for name in SECTIONS for fault in found_by(partial(check_section, name), params)]
    return found or [fault for check in CHECKS for fault in found_by(check, params)]


def check_folders(data: Data) -> None:
    """Every source's captures or tables are in a folder that is there; DVC would name it without its parameter.

    Raises
    ------
    FileNotFoundError
        With the parameter, the places looked at and what to do.
    """
    for name, entry in data.sources.items():
        if "root" in entry:
            data.root_of(name)
        else:
            find_root(str(data.root))


def main() -> None:
    """Check, write the list of sections; every fault is a line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    params = read_params(PARAMS_FILE)
    if found := faults(params):
        raise ValueError("\n".join(f"{fault}: {advice(fault, params)}" for fault in found))
    check_folders(read_data())
    write_json({"checked": SECTIONS}, arguments.out)


if __name__ == "__main__":
    run_plainly(main, filter_stderr=False)
