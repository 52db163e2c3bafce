"""The command `iotids`: what a person runs, as sub-commands.

A sub-command is a module with a `main()` that reads sys.argv; it is imported only when it is called, so that the
command starts fast and needs only the libraries that it uses.
"""

from __future__ import annotations

import sys
from difflib import get_close_matches
from importlib import import_module
from typing import NamedTuple

from iotids import __version__
from iotids.plumbing.errors import run_plainly


class Command(NamedTuple):
    """Group in the help, module with `main`, and what it does in one line."""

    group: str
    module: str
    purpose: str


# fmt: off
COMMANDS = {
    "meter": Command("Captures", "iotids.commands.meter", "captures → flow table with CICFlowMeter's features"),
    "detect": Command("Captures", "iotids.commands.detect", "captures → a verdict for every flow, and a report page"),
    "calibrate": Command("Captures", "iotids.commands.calibrate", "benign captures of a site → its operating point"),
    "label": Command("Flows", "iotids.commands.label", "captures and a file of rules → labelled flow table"),
    "import": Command("Flows", "iotids.commands.import_table", "CSV files of CICFlowMeter → flow table"),
    "audit": Command("Flows", "iotids.commands.audit", "any labelled flow table → what it can and cannot prove"),
    "fetch": Command("Experiment", "iotids.commands.fetch", "download the public datasets"),
    "params": Command("Experiment", "iotids.plumbing.params", "compose params.yaml from conf/"),
    "check": Command("Experiment", "iotids.plumbing.params_check", "check params.yaml before an hour of work"),
    "compare": Command("Experiment", "iotids.commands.compare", "Tables II and III of several runs, next to each other"),
    "unseen": Command("Experiment", "iotids.commands.unseen", "how runs judge sites that training has not seen"),
    "recover": Command("Experiment", "iotids.commands.recover", "missing features of flows, filled in by several methods"),
    "recipe": Command("Experiment", "iotids.commands.recipe", "what each piece of the recipe of training is worth"),
    "timeouts": Command("Experiment", "iotids.commands.timeouts", "the effect of other flow timeouts"),
    "evaluate": Command("Experiment", "iotids.detecting.calibrating.evaluate", "a detector on labelled flows, per class and site"),
    "publish": Command("Experiment", "iotids.commands.publish", "scored runs, detectors and experiments → MLflow"),
    "register": Command("Experiment", "iotids.tracking.registry", "detector packages → MLflow's model registry"),
    "sample": Command("Experiment", "iotids.testbed.__main__", "write the embedded sample of captures"),
}
# fmt: on


def overview() -> str:
    """The help page: every sub-command with its purpose, by group."""
    lines = ["usage: iotids COMMAND [ARGUMENT …]      iotids COMMAND --help      iotids --version", ""]
    for group in dict.fromkeys(command.group for command in COMMANDS.values()):
        lines.append(f"{group}:")
        lines += [f"  {name:<10} {c.purpose}" for name, c in COMMANDS.items() if c.group == group]
    lines += [
        "",
        "A capture is pcap or pcapng, also .gz, .bz2, .xz, .zst; - reads standard input. Example:",
        "  iotids detect capture.pcap --model PACKAGE -o verdicts.csv --report page.html",
    ]
    return "\n".join(lines)


def unknown(name: str) -> str:
    """What to say of a word that is no sub-command."""
    near = get_close_matches(name, COMMANDS, n=1)
    meant = f"; did you mean `iotids {near[0]}`?" if near else ""
    return f"error: no command {name!r}{meant} Known are {', '.join(COMMANDS)}"


def run() -> int:
    """Do what the command line asks for; gives the exit code."""
    name, *rest = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help", "help"):
        print(overview())
        return 0
    if name == "--version":
        print(f"iotids {__version__}")
        return 0
    if name not in COMMANDS:
        print(unknown(name), file=sys.stderr)
        return 2
    sys.argv = [f"iotids {name}", *rest]
    return import_module(COMMANDS[name].module).main() or 0


def main() -> None:
    """Run a sub-command and end the process with its exit code."""
    run_plainly(run, filter_stderr=False)
