"""Captures → flow table and packet ledger (the paper's "extraction of flow-based features with CICFlowMeter",
section IV).

In: the captures of one source, or a published table of records (`kind: published`). Out: out/flows/<source>.parquet and .ledger.json.
With captures instead of --source this is the command `iotids meter`.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

from iotids.commands import meter
from iotids.flowmeter.captures import Options, captures_of_source
from iotids.plumbing.errors import run_plainly
from iotids.plumbing.params import read_data, read_section
from iotids.truth.published.source import PUBLISHED, write_source


@dataclass(frozen=True)
class Params(Options):
    """Section `meter` of the parameters: the options of the flow meter."""


def main() -> int:
    """Meter the captures of a source, or those that are named."""
    if not any(word.partition("=")[0] == "--source" for word in sys.argv[1:]):
        return meter.main()
    parser = argparse.ArgumentParser(prog="python -m stages.meter", description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="name of a source in params.yaml")
    parser.add_argument("--out", type=Path, required=True, help="flow table, .parquet or .csv")
    parser.add_argument("--ledger", type=Path, help="packet ledger as JSON (default: next to --out)")
    arguments = parser.parse_args()
    data, options = read_data(captures=True), read_section("meter", Params)
    root, source = data.root_of(arguments.source), data.sources[arguments.source]
    if source.get("kind") == PUBLISHED:  # a table with features of its own
        account = arguments.ledger or arguments.out.with_suffix(".ledger.json")
        write_source(root, source, arguments.out, account)
        return 0
    captures = captures_of_source(root, source)
    return meter.meter_and_report(captures, arguments.out, arguments.ledger, options, for_keeping=True)


if __name__ == "__main__":
    run_plainly(main, filter_stderr=False)
