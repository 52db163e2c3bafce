"""Every command in the documentation works, every link leads somewhere, every picture is there and small."""

import importlib.util
import logging
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import pytest
import yaml
import zstandard

from iotids.commands import COMMANDS
from tests.doc_commands import ROOT, blocks, commands
from tests.project_copy import copy_project, environment, run, wait_for_queue

RUN_HERE = {"", "after make", "queue only", "with captures"}
OWN_TESTS = {  # blocks that this file does not run, and the file that does
    "make": ".ci/run",
    "server": "tests/plumbing/test_tracking_server.py",
    "serving": "tests/detecting/test_final.py",
    "fetch": "tests/truth/test_fetch.py",
    "worked example": "tests/test_own_data.py",
} | dict.fromkeys(
    (
        "datasets in place",
        "other captures",
        "needs a live network",
        "takes a quarter of an hour",
        "flow tables",
        "published tables",
        "cluster",
        "several machines",
        "bench",
    ),
    "tests/test_docs_elsewhere.py",
)
NOT_RUN = {  # and those that no test can run, with the reason
    "hours": "make paper-size takes hours; its parameters are composed and checked as those of every preset",
    "needs IDS2Eval": "a program of others, in an environment of its own; the block is how the comparison was made",
    "needs NFStream and four gigabytes of disk": "a peer that is not part of the environment; tests/bench/bench_meter.py is run without it",
}
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SH = [block for block in blocks() if block.kind in ("sh", "python")]
LISTINGS = ("text", "yaml")  # languages of blocks that are no commands
CAPTURES = {
    "capture.pcap": "D1/dos-synflooding-1-dec",
    "monday.pcap": "D3/16-09-23",
    "tuesday.pcap": "D3/16-09-24",
    "tuesday.pcapng": "D3/16-09-24",
}
LARGEST_PICTURE = 250_000  # bytes


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """A fresh copy of the project with the sample."""
    folder = copy_project(tmp_path_factory.mktemp("fresh") / "project")
    run(folder, "dvc", "pull", "--quiet", "data.dvc")
    return folder


@pytest.fixture(scope="module")
def with_captures(finished):
    """The finished project with captures in it, under the names that the pages use, and the environment where `make` puts it."""
    if not (finished / ".venv").exists():
        (finished / ".venv").symlink_to(Path(sys.executable).parents[1])
    for name, capture in CAPTURES.items():
        packed = (finished / "data" / "sample" / f"{capture}.pcap.zst").read_bytes()
        (finished / name).write_bytes(zstandard.ZstdDecompressor().stream_reader(packed).read())
        (finished / f"{name}.zst").write_bytes(packed)
    return finished


def run_block(folder, text):
    """Run a block as a person would type it, stopping at the first error; code 3 of --calibrate is a warning,
    docs/detector.md says of what.
    """
    log = folder.parent / "block.log"
    text = re.sub(r"(iotids calibrate .*|.* --calibrate .*)", r"\1 || test $? = 3", text)
    with log.open("w") as file:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder,
            env=environment(folder),
            stdout=file,
            stderr=file,
            timeout=1800,
        )
    assert done.returncode == 0, f"{text}\n{log.read_text()[-4000:]}"


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("block", [b for b in SH if not b.when], ids=lambda block: block.name)
def test_a_block_runs_in_a_fresh_copy(fresh, block):
    run_block(fresh, block.text)


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize(
    "block", [b for b in SH if b.when in ("after make", "queue only")], ids=lambda block: block.name
)
def test_a_block_runs_after_make(finished, block):
    run_block(finished, block.text)
    if "dvc queue start" in block.text:
        assert "Success" in wait_for_queue(finished).values()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("block", [b for b in SH if b.when == "with captures"], ids=lambda block: block.name)
def test_a_block_runs_on_captures(with_captures, block):
    run_block(with_captures, block.text if block.kind == "sh" else f"python - <<'END'\n{block.text}END")


def test_every_block_is_run_here_or_by_the_test_that_is_named_or_says_why_not():
    assert {block.when for block in SH} <= RUN_HERE | set(OWN_TESTS) | set(NOT_RUN)
    assert all((ROOT / path).is_file() for path in OWN_TESTS.values())


def test_every_block_says_whether_it_is_commands_or_a_listing():
    assert {block.kind for block in blocks()} <= {"sh", "python", *LISTINGS}
    commanding = [
        block.name
        for block in blocks()
        if block.kind == "text" and re.search(r"^ *(python|dvc|make|mlflow) ", block.text, re.MULTILINE)
    ]
    assert commanding == [], "listings that hold commands: write ```sh, and nobody forgets to test them"


@pytest.mark.parametrize(
    ("place", "words"),
    [pytest.param(p, w, id=f"{p} {' '.join(w[:4])}") for p, w in commands() if w[0] != "git"],
)
def test_a_shown_command_exists_with_its_options(place, words):
    checks = {
        "python": check_python,
        "iotids": check_iotids,
        "dvc": check_dvc,
        "make": check_make,
        "mlflow": check_mlflow,
    }
    checks[words[0]](words)


def check_iotids(words):
    """`iotids COMMAND`: the command is known and has the options shown."""
    if words[1].startswith("-") or words[1] == "COMMAND":
        return
    assert words[1] in COMMANDS, f"no command {words[1]}"
    check_options(help_of("iotids", words[1]), words[2:])


def check_python(words):
    """`python -m module`: the module is there and knows the options shown."""
    if words[1] != "-m":
        assert (ROOT / words[1]).is_file(), f"no file {words[1]}"
        return
    assert importlib.util.find_spec(words[2]), f"no module {words[2]}"
    if len(words) > 3:
        check_options(help_of(words[2]), words[3:])


def check_options(known, words):
    """Every option shown is in the help."""
    options = [word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)]
    unknown = [o for o in options if not re.search(rf"(?<![\w-]){re.escape(o)}(?![\w-])", known)]
    assert unknown == []


@cache
def help_of(module, *command):
    """What `python -m module [command] --help` prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, *command, "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def check_dvc(words):
    """DVC's own parser takes the words (with a name where one is needed), and -S names parameters or groups
    that are there.
    """
    from dvc.cli import DvcParserError, parse_args

    logging.disable(
        logging.CRITICAL
    )  # DVC would tell the missing name to a stream that an earlier test's capture has closed
    try:
        args = parse_args(words[1:])
    except DvcParserError:
        args = parse_args([*words[1:], "NAME"])
    finally:
        logging.disable(logging.NOTSET)
    for override in getattr(args, "set_param", None) or []:
        key = override.split("=")[0].split(":")[-1]
        assert key in known_parameters(), f"no parameter {key}"


@cache
def known_parameters():
    """Dotted names in params.yaml, and the groups in conf/."""
    names = {path.name for path in (ROOT / "conf").iterdir() if path.is_dir()}
    todo = [("", yaml.safe_load((ROOT / "params.yaml").read_text()))]
    while todo:
        prefix, content = todo.pop()
        for key, value in content.items():
            names.add(f"{prefix}{key}")
            if isinstance(value, dict):
                todo.append((f"{prefix}{key}.", value))
    return frozenset(names)


def check_mlflow(words):
    """MLflow's own parser takes the words."""
    from mlflow.cli import cli

    command, rest = cli, words[1:]
    while isinstance(command, click.Group):
        command, rest = command.get_command(click.Context(command), rest[0]), rest[1:]
    command.make_context(words[0], rest)


def check_make(words):
    """Every target is in the Makefile."""
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {
        word for word in words[1:] if re.fullmatch(r"[a-z-]+", word) and not word.startswith("-")
    } <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_somewhere(page):
    if not page.is_file():
        pytest.skip(f"no {page.name} yet")
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        linked = (page.parent / path) if path else page
        assert linked.exists(), f"{page.name}: {target} leads nowhere"
        assert not anchor or anchor in anchors(linked), f"{page.name}: {target}: no such heading"


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_pictures_are_small_and_used():
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES if page.is_file())
    for picture in (ROOT / "docs" / "images").rglob("*.png"):
        assert picture.name in text, f"{picture.name} is in no page"
        assert picture.stat().st_size <= LARGEST_PICTURE, picture


@pytest.mark.parametrize(
    ("column", "is_shown"),
    [
        ("binary.grouped.DL7.f1_macro", True),
        ("binary.grouped.dl_sensible.f1_macro", True),
        ("multiclass.grouped.best_baseline.model", True),
        ("network.width", True),
        ("split.kinds", True),
        ("binary.grouped.DL7.accuracy", False),
        ("binary.stratified.DL7.f1_macro", False),
        ("multiclass.environment.DL7.f1_macro", False),
        ("score.networks", False),
        ("network.splits", False),
        ("out/metrics.json", False),
    ],
)
def test_the_documented_table_of_experiments_is_one_split_and_one_score_wide(column, is_shown):
    """DVC drops a column where the expression matches the beginning of its name."""
    (drop,) = [words[-1] for _, words in commands() if words[:3] == ["dvc", "exp", "show"]]
    assert (re.match(drop, column) is None) == is_shown
