"""A feature, a format of ground truth and a metric are added to one copy of the project, and the smoke preset runs there,
through to a verdict. What each of them touches is counted beside it: test_new_feature, test_new_format,
test_added_metric; kinds of network and model have test_new_kinds.
"""

import sys

import pyarrow.parquet as pq
import pytest

from iotids.detecting.judging.verdict_words import VERDICTS
from tests.flowmeter.test_new_feature import CHANGES
from tests.learning.test_added_metric import add_the_metric
from tests.packets import write_pcap
from tests.project_copy import copy_project, run
from tests.test_own_data import at, flood, talk
from tests.truth.test_new_format import add_format

pytestmark = pytest.mark.slow
DOUBTFUL = 3  # final's exit code for a package of a few hundred flows
CHOSEN = [
    "data=ports",
    "preset=smoke",
    "meter.profile=clean",
    "network.models=[dl4]",
    "baseline.models=[majority]",
    "split.folds=3",
    "final.configurations=[{stage: network, run: binary-dl4}]",
    "report.figure_networks.binary=dl4",
    "report.figure_networks.multiclass=dl4",
]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The copy with all three, and six captures of a camera that is flooded now and then."""
    folder = copy_project(tmp_path_factory.mktemp("additions") / "project")
    add_format(folder)
    add_the_metric(folder)
    for name, behind, line in CHANGES:
        text = (folder / name).read_text(encoding="utf-8")
        (folder / name).write_text(text.replace(behind, behind + line), encoding="utf-8")
    (folder / "mine").mkdir()
    (folder / "mine" / "ports.txt").write_text("554\n")
    for hour in range(10, 16):
        frames = [*talk(at(f"{hour}:00:00"), 60), *flood(at(f"{hour}:30:00"), 60)]
        write_pcap(folder / "mine" / f"{hour}.pcap", frames)
    return folder


def test_they_run_through_to_a_verdict(project):
    run(project, sys.executable, "-m", "iotids", "params", *CHOSEN)
    done = run(project, "dvc", "repro", timeout_s=900, check=False)
    assert done.returncode == 0 or f"exited with {DOUBTFUL}" in done.stdout, done.stdout[-4000:]
    flows = pq.read_table(project / "out/labelled/home.parquet").to_pylist()
    assert {row["label"] for row in flows if row["dst_port"] == 554} == {"DOS"}
    assert {row["label"] for row in flows if row["dst_port"] == 443} == {"BENIGN"}
    assert {row["fwd_fin_flags"] for row in flows} == {0}
    assert "grouped G-mean" in (project / "out/report/report.md").read_text()
    verdicts = project / "verdicts.parquet"
    package = "out/final/binary-dl4"
    run(
        project,
        sys.executable,
        "-m",
        "iotids",
        "detect",
        "mine/10.pcap",
        "--model",
        package,
        "-o",
        str(verdicts),
    )
    judged = pq.read_table(verdicts)["verdict"].to_pylist()
    assert len(judged) == 120 and set(judged) <= set(VERDICTS) and 50 <= judged.count("attack") <= 60
