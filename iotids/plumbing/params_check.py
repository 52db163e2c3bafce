"""Say how params.yaml differs from what conf/ composes, which the next `dvc exp run` would replace it by.

`make` runs this before `dvc repro`. A difference is no error: `dvc exp apply` and `dvc exp run` leave one on
purpose.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from iotids.plumbing.cross_checks import CHECKS, found_by
from iotids.plumbing.params import PARAMS_FILE, REMEDY, compose, read_params

NOTICE = """{file} is not what conf/ composes (edited by hand, or applied from an experiment):
{lines}
`dvc repro` uses {file} as it is; `dvc exp run` composes it anew and drops these values.
To keep them: write them into conf/, or give them with -S. To drop them: iotids params"""


def differences(params: Mapping[str, Any], composed: Mapping[str, Any]) -> list[str]:
    """Name every leaf that differs: `network.width is 256, conf/ says 128`."""
    here, there = dict(_leaves("", params)), dict(_leaves("", composed))
    return [
        f"{key} is {here.get(key, 'missing')}, conf/ says {there.get(key, 'nothing')}"
        for key in sorted(here | there)
        if here.get(key, _NOTHING) != there.get(key, _NOTHING)
    ]


_NOTHING = object()


def _leaves(prefix: str, content: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Give (dotted name, value); lists and empty mappings are leaves."""
    found: list[tuple[str, Any]] = []
    for key, value in content.items():
        name = f"{prefix}{key}"
        found += _leaves(f"{name}.", value) if isinstance(value, Mapping) and value else [(name, value)]
    return found


def advice(fault: str, params: Mapping[str, Any], config_dir: Path = Path("conf")) -> str:
    """What to do about a fault, by where its value came from: -S, conf/, or an edit of params.yaml.

    Parameters
    ----------
    fault : str
        A message that names the key as `section.key`.
    """
    with TemporaryDirectory() as temporary:
        compose([], Path(temporary) / "params.yaml", config_dir)
        defaults = read_params(Path(temporary) / "params.yaml")
    changed = [line.partition(" is ")[0] for line in differences(params, defaults)]
    mine = [
        key
        for key in changed
        if re.search(rf"\b{re.escape(key)}\b", fault) or f"section {key.partition('.')[0]}:" in fault
    ]
    if mine and os.environ.get("DVC_EXP_NAME"):
        return f"the value was given with -S: repeat the command with another {mine[0]}"
    if mine:
        return (
            f"{mine[0]} is not what conf/ says: edit it in params.yaml, or drop the edit with `iotids params`"
        )
    return REMEDY


def notice_differences(params_file: Path = PARAMS_FILE, config_dir: Path = Path("conf")) -> None:
    """Print the notice, or nothing."""
    with TemporaryDirectory() as temporary:
        composed = Path(temporary) / "params.yaml"
        compose([], composed, config_dir)
        here, there = read_params(params_file), read_params(composed)
    lines = differences(here, there)
    if lines:
        print(
            NOTICE.format(file=params_file, lines="\n".join(f"  {line}" for line in lines)), file=sys.stderr
        )


def main() -> None:
    """Read the command line, print the notice, refuse what would end in an error after an hour of training."""
    argparse.ArgumentParser(prog="iotids check", description=__doc__.splitlines()[0]).parse_args()
    params = read_params(PARAMS_FILE)
    notice_differences()
    try:
        found = [fault for check in CHECKS for fault in found_by(check, params)]
    except (TypeError, AttributeError) as error:
        raise ValueError(
            f"{PARAMS_FILE}: a value has the wrong type ({error}); `dvc repro check` names its key"
        ) from error
    if found:
        raise ValueError("\n".join(f"{fault}: {advice(fault, params)}" for fault in found))
