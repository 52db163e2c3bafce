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

import yaml

from iotids.plumbing.cross_checks import CHECKS, found_by
from iotids.plumbing.params import PARAMS_FILE, REMEDY, compose, read_params

PRESET = (
    "{file} is what conf/ composes with {preset}: `dvc repro` uses it, `dvc exp run` needs -S {preset} again"
)
NOTICE = """{file} is not what conf/ composes{preset} (edited by hand, or applied from an experiment):
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
    changed = [line.partition(" is ")[0] for line in differences(params, composed([], config_dir))]
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
    """Print how the parameters differ from the defaults, or from the preset that is nearer; nothing where they do not."""
    here = read_params(params_file)
    if not (lines := differences(here, composed([], config_dir))):
        return
    beside, preset = "", nearest_preset(here, config_dir)
    if preset and len(others := differences(here, composed([preset], config_dir))) < len(lines):
        lines, beside = others, f" with {preset}"
    listed = "\n".join(f"  {line}" for line in lines)
    text = NOTICE if lines else PRESET
    print(text.format(file=params_file, lines=listed, preset=beside if lines else preset), file=sys.stderr)


def nearest_preset(params: Mapping[str, Any], config_dir: Path) -> str | None:
    """The preset, as an override, of which most values stand in the parameters, of two alike the one that sets fewer others;
    None where half of none does.
    """
    here, found = dict(_leaves("", params)), []
    for path in sorted((config_dir / "preset").glob("*.yaml")):
        said = _said_by(path)
        kept = sum(here.get(key, _NOTHING) == value for key, value in said.items())
        if 2 * kept > len(said):
            found.append((kept, -len(said), f"preset={path.stem}"))
    return max(found)[2] if found else None


def _said_by(preset: Path) -> dict[str, Any]:
    """The values that a preset and the presets it builds on (`defaults`) set, by key."""
    own = yaml.safe_load(preset.read_text(encoding="utf-8")) or {}
    said: dict[str, Any] = {}
    for name in own.pop("defaults", []):
        said |= _said_by(preset.with_name(f"{name}.yaml")) if isinstance(name, str) else {}
    return said | dict(_leaves("", own))


def composed(overrides: list[str], config_dir: Path) -> Mapping[str, Any]:
    """What conf/ composes with some overrides."""
    with TemporaryDirectory() as temporary:
        compose(overrides, Path(temporary) / "params.yaml", config_dir)
        return read_params(Path(temporary) / "params.yaml")


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
