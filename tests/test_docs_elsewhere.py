"""Documented commands that want other people's data, other machines or hours, run as they stand on what a
test can have.

The sample stands in for the datasets it is shaped like, folders for remote stores, processes on loopback for
servers, and a script that writes a capture for tcpdump. Experiments get the smoke preset; addresses and paths
are replaced, nothing else.
"""

import re
import shlex
import shutil
import subprocess
import time

import pyarrow.parquet as pq
import pytest
import zstandard

from tests.doc_commands import blocks, commands
from tests.plumbing.loopback_server import free_port, tracking_server
from tests.project_copy import ROOT, environment, run
from tests.truth.published_rows import made_up_file

pytestmark = [pytest.mark.slow, pytest.mark.long]
FEW_MODELS = "-S 'network.models=[dl4]' -S network.epochs=1 -S 'baseline.models=[majority,naive_bayes]' -S 'final.exports=[litert]'"
TWO_SPLITS = "-S 'split.kinds=[stratified,grouped]'"
IN_BLOCKS = {line.strip() for block in blocks() for line in block.text.splitlines()}
IN_TEXT = [
    words
    for _, words in commands()
    if words[:3] == ["dvc", "exp", "run"]
    and "-S" in words
    and not any("data=" in w or "data." in w for w in words)
    and shlex.join(words)
    not in {shlex.join(shlex.split(line)) for line in IN_BLOCKS if line.startswith("dvc exp run")}
]
CLASS_OF = {
    "benign": "BENIGN",
    "dos": "DOS",
    "scan": "SCANNING",
    "mitm": "MITM",
    "mirai": "BOTNET",
}  # first word of D1's captures


def documented(when):
    """The texts of all blocks of one kind, in the order of the pages."""
    found = [block.text for block in blocks() if block.when == when]
    assert found, f"no block is marked `test: {when}`"
    return found


def shell(folder, text, **more):
    """Run lines as a person would type them, stopping at the first error; what they started in the background
    ends with them.
    """
    log = folder.parent / "elsewhere.log"
    text = f"trap 'jobs -p | xargs --no-run-if-empty kill; wait' EXIT\n{text}"
    with log.open("w") as file:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=folder,
            env={**environment(folder), **more},
            stdout=file,
            stderr=file,
            timeout=1800,
        )
    assert done.returncode == 0, f"{text}\n{log.read_text()[-4000:]}"
    return log.read_text()


def with_settings(text, settings):
    """Add settings to every `dvc exp run`, before its own: the last one counts, so only what the line leaves
    open is changed.
    """
    return re.sub(r"^dvc exp run", lambda match: f"{match[0]} {settings}", text, flags=re.MULTILINE)


@pytest.fixture
def workspace(finished):
    """The finished project; afterwards as before."""
    yield finished
    run(finished, "git", "checkout", "-q", ".")
    run(finished, "dvc", "checkout", "--force")


def test_the_public_datasets_are_taken_in_and_run_once_they_are_in_their_folders(workspace):
    shutil.copytree(workspace / "data" / "sample", workspace / "datasets")
    try:
        for text in documented("datasets in place"):
            shell(workspace, with_settings(text, f"{FEW_MODELS} {TWO_SPLITS}"))
        assert (workspace / "datasets" / "D4.dvc").is_file()
        assert "DL" in (workspace / "out" / "report" / "report.md").read_text()
    finally:
        shutil.rmtree(workspace / "datasets")


def test_captures_in_a_label_table_run_from_where_they_are(finished, tmp_path):
    rows = ["file,environment,group,class,activity,rule"]
    for path in sorted((finished / "data" / "sample").glob("D[13]/*.pcap.zst")):
        kind = CLASS_OF.get(path.name.split("-")[0], "BENIGN")
        rows.append(
            f"{path.relative_to(finished / 'data' / 'sample')},{path.parent.name},{path.name.split('.')[0]},{kind},,"
        )
    shutil.copytree(finished / "data" / "sample", tmp_path / "captures")
    (tmp_path / "captures" / "labels.csv").write_text("\n".join(rows) + "\n")
    (text,) = documented("other captures")
    said = shell(
        finished,
        with_settings(
            text.replace("/where/they/are", str(tmp_path / "captures")), f"{FEW_MODELS} {TWO_SPLITS}"
        ),
    )
    assert "Ran experiment" in said
    assert run(finished, "git", "status", "--porcelain", "--untracked-files=no").stdout == ""


def test_packets_of_a_live_network_are_metered_from_standard_input(workspace, tmp_path):
    packed = (workspace / "data" / "sample" / "D1" / "dos-synflooding-1-dec.pcap.zst").read_bytes()
    (tmp_path / "live.pcap").write_bytes(zstandard.ZstdDecompressor().stream_reader(packed).read())
    (tmp_path / "tcpdump").write_text(f"#!/bin/sh\nexec cat {tmp_path / 'live.pcap'}\n")
    (tmp_path / "tcpdump").chmod(0o755)
    (text,) = documented("needs a live network")
    shell(workspace, text, PATH=f"{tmp_path}:{environment(workspace)['PATH']}")
    assert (workspace / "flows.parquet").stat().st_size > 1000


def test_three_flow_profiles_are_set_side_by_side(finished):
    (text,) = documented("takes a quarter of an hour")
    run(finished, "dvc", "exp", "remove", *re.findall(r"--name (\S+)", text), check=False)
    said = shell(finished, with_settings(text, f"-S preset=smoke {FEW_MODELS}"))
    assert "| Source | Class | paper | profile paper | original | corrected | clean |" in said


def test_a_table_from_elsewhere_joins_the_dataset_and_its_audit(workspace):
    name = "IoT Network Intrusion Dataset.csv"
    run(
        workspace,
        "python",
        "-m",
        "stages.meter",
        "data/sample/D1/dos-synflooding-1-dec.pcap.zst",
        "-o",
        "table.csv",
    )
    header, *lines = (workspace / "table.csv").read_text().splitlines()
    assert header.endswith(",Label")
    (workspace / name).write_text(
        "\n".join([header, *(line.rsplit(",", 1)[0] + ",DoS" for line in lines)]) + "\n"
    )
    for text in documented("flow tables"):
        shell(workspace, text)
    assert "IoTID20" in (workspace / "out" / "mixed" / "table2.md").read_text()
    assert "IoTID20" in (workspace / "out" / "mixed-audit" / "audit.md").read_text()


def test_a_published_table_is_learnt_and_imported(workspace, tmp_path):
    for seed, name in enumerate(("KDDTrain+.txt", "KDDTest+.txt")):
        made_up_file(tmp_path, "nsl_kdd", name, 240, seed=seed)
    few = f"{FEW_MODELS} -S 'final.exports=[]'".replace("[dl4]", "[dl4,idcvae]")
    for text in documented("published tables"):
        text = text.replace("data.root=/where/the/files/are", f"data.root={tmp_path} {few}")
        said = shell(workspace, text.replace("/where/the/files/are", str(tmp_path)))
    assert "Running stage 'network@multiclass-idcvae'" in said
    assert pq.read_metadata(workspace / "nsl.parquet").num_rows == 240


def test_the_report_is_computed_on_the_documented_cluster(workspace):
    run(
        workspace,
        "python",
        "-m",
        "iotids.plumbing.params",
        "preset=smoke",
        "baseline.models=[majority]",
        f"baseline.seed={time.time_ns() % 10**6}",
    )
    (text,) = documented("cluster")
    said = shell(workspace, text.replace("8786", str(free_port())))
    assert said.count("Start worker at") == 2
    assert "Running stage 'baseline@multiclass-majority'" in said
    assert "Running stage 'report'" in said


def test_two_machines_share_code_results_and_runs(finished, tmp_path):
    share, work, look = documented("several machines")
    run(tmp_path, "git", "clone", "-q", "--bare", str(finished), "origin.git")
    here, there = (clone(tmp_path / "origin.git", tmp_path / name) for name in ("here", "there"))
    run(here, "dvc", "config", "--local", "cache.dir", str(ROOT / ".dvc" / "cache"))
    run(here, "dvc", "pull", "--quiet", "data.dvc")
    shell(here, share.replace("ssh://storage/iot", str(tmp_path / "storage")))
    with tracking_server(tmp_path) as address:
        shell(
            here,
            with_settings(
                work.replace("http://tracking:5000", address),
                f"-S preset=smoke {FEW_MODELS} -S network.seed={time.time_ns() % 10**6}",
            ),
        )
        assert "DL6 · binary · grouped (depth6)" in run_names(address)
    run(there, "git", "pull", "-q")
    shell(there, look)
    assert "DL6" in (there / "out" / "report" / "report.md").read_text()
    predictions = there / "out" / "network" / "binary-dl6" / "predictions.parquet"
    before = predictions.read_bytes()
    run(there, "dvc", "gc", "--workspace", "--force")
    predictions.unlink()
    run(there, "dvc", "checkout")
    assert predictions.read_bytes() == before


@pytest.mark.parametrize("words", IN_TEXT, ids=lambda words: words[-1])
def test_an_experiment_that_the_text_proposes_runs(workspace, words):
    shell(workspace, with_settings(shlex.join(words), f"-S preset=smoke {FEW_MODELS}"))


def test_an_experiment_becomes_a_branch_and_is_forgotten(finished):
    name = "kept"
    run(
        finished,
        "dvc",
        "exp",
        "run",
        "--temp",
        "--force",
        "--single-item",
        "-n",
        name,
        "-S",
        "preset=smoke",
        "-S",
        "report.figure_networks.binary=dl4",
        "report",
    )
    run(finished, "dvc", "exp", "branch", name, "kept-branch")
    run(finished, "dvc", "exp", "remove", name)
    assert name not in run(finished, "dvc", "exp", "list", "--name-only").stdout.split()
    assert "binary: 4" in run(finished, "git", "show", "kept-branch:params.yaml").stdout
    run(finished, "git", "branch", "-q", "-D", "kept-branch")


def clone(origin, folder):
    """A machine with a clone and an empty cache of its own."""
    run(origin.parent, "git", "clone", "-q", str(origin), str(folder))
    for setting, value in (
        ("user.name", "tests"),
        ("user.email", "tests@localhost"),
        ("commit.gpgsign", "false"),
    ):
        run(folder, "git", "config", setting, value)
    return folder


def run_names(address):
    """Names of the parent runs on a server."""
    from mlflow import MlflowClient

    return {
        run.info.run_name
        for run in MlflowClient(tracking_uri=address).search_runs(["1"], "tags.level = 'cv'")
    }


@pytest.mark.parametrize("line", [line for text in documented("bench") for line in text.splitlines()])
def test_a_documented_measurement_prints_its_table(finished, line):
    said = run(finished, *line.split(), timeout_s=1200).stdout
    assert len([row for row in said.splitlines() if re.search(r"\d+\.\d", row)]) >= 4, said
