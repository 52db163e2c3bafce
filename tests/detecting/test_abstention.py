"""Abstention: the promised coverage on exchangeable rows, no verdict for what no class or several classes allow, and
what detect says of it.
"""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import binom

from iotids.detecting.judging.abstention import (
    fit_possible_classes,
    possible_from_plain,
    possible_to_plain,
)
from iotids.detecting.judging.verdict_words import (
    ATTACK,
    BENIGN,
    NOTHING_FITS,
    SEVERAL_FIT,
    STANDS,
    UNKNOWN,
    UNKNOWN_BECAUSE,
)
from iotids.detecting.judging.verdicts import package_point
from iotids.detecting.package.contents import is_text
from iotids.detecting.package.package import PackageError, open_package, seal_package
from iotids.detecting.packing.abstaining import GUARANTEE, describe_abstention
from iotids.detecting.packing.out_of_fold import OutOfFold
from iotids.detecting.summary.page import report_page
from tests.detecting.lab import DAY_US, START_US, benign_records, flood_records, make_package
from tests.detecting.test_view import HOUR_US
from tests.detecting.test_view_by_command import run
from tests.packets import write_pcap

CLASSES = ("BENIGN", "DOS", "SCANNING")


def drawn(n, seed, centres=(-1.0, 1.0, 2.0)):
    """Log-odds of n flows of each class, exchangeable within it."""
    random = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(centres)), n)
    return random.normal(np.array(centres)[truth], 1.0), truth


def fitted(log_odds, truth, coverage=0.9, **options):
    return fit_possible_classes(log_odds, truth, 3, benign_index=0, coverage=coverage, **options)


@pytest.mark.parametrize("coverage", [0.8, 0.9, 0.99])
def test_on_exchangeable_rows_every_class_is_covered_as_promised(coverage):
    """One new row for each of 2,000 calibrations, so that the count of covered ones is binomial."""
    covered = np.zeros(3, int)
    for seed in range(2000):
        log_odds, truth = drawn(120, seed)
        new, new_truth = drawn(1, 10_000 + seed)
        covered += fitted(log_odds, truth, coverage).of(new)[new_truth, new_truth]
    kept = 1 - np.floor((1 - coverage) * 121 + 1e-9) / 121  # what 120 rows can give, at least the coverage
    low, high = binom.interval(1 - 1e-4, 2000, kept)
    assert kept >= coverage
    assert ((covered >= low) & (covered <= high)).all(), covered


def test_of_no_class_more_than_promised_is_judged_wrong_whatever_the_threshold():
    """In the mean over calibrations, which is what is promised."""
    new, truth = drawn(20_000, 99)
    for threshold in (-3.0, 0.0, 3.0):
        code = np.where(new >= threshold, ATTACK, BENIGN)
        shares = []
        for seed in range(60):
            stands = fitted(*drawn(500, seed)).withdrawn(code, new) == STANDS
            wrong = stands & ((code == ATTACK) == (truth == 0))
            shares.append([wrong[truth == c].mean() for c in range(3)])
        assert np.mean(shares, axis=0).max() < 0.1 + 3 * 0.0134 / np.sqrt(60)


def test_between_far_apart_classes_no_class_is_possible_and_among_near_ones_several_are():
    apart = fitted(*drawn(200, 1, (-9.0, 9.0, 9.0)))
    assert apart.withdrawn(np.array([BENIGN, ATTACK]), np.zeros(2)).tolist() == [NOTHING_FITS] * 2
    near = fitted(*drawn(200, 1, (-0.1, 0.1, 0.1)))
    assert near.withdrawn(np.array([BENIGN, ATTACK]), np.zeros(2)).tolist() == [SEVERAL_FIT] * 2
    assert (
        near.withdrawn(np.array([BENIGN, ATTACK, UNKNOWN]), np.array([-9.0, 9.0, 0.0])).tolist()
        == [STANDS] * 3
    )


def test_a_verdict_that_only_the_other_kind_allows_is_withdrawn():
    apart = fitted(*drawn(200, 1, (-9.0, 9.0, 9.0)))
    assert apart.withdrawn(np.array([BENIGN, ATTACK]), np.array([9.0, -9.0])).tolist() == [SEVERAL_FIT] * 2


def test_an_attack_with_too_few_rows_is_promised_nothing_and_comes_back_from_json_so():
    log_odds, truth = drawn(9, 1)
    kept = (truth != 2) | (np.cumsum(truth == 2) < 9)
    possible = fitted(log_odds[kept], truth[kept])
    assert np.isnan(possible.edges).tolist() == [False, False, True]
    back = possible_from_plain(json.loads(json.dumps(possible_to_plain(possible, CLASSES))), CLASSES, 0)
    assert np.array_equal(back.edges, possible.edges, equal_nan=True)
    assert not np.isfinite(fitted(log_odds[truth > 0], truth[truth > 0]).edges[0])


def out_of_fold(n, seed, shift=0.0):
    """Predictions in four folds; those of fold 3 shifted towards attack."""
    log_odds, truth = drawn(n, seed)
    fold = np.arange(log_odds.size) % 4
    log_odds = log_odds + np.where(fold == 3, shift, 0.0)
    attack = np.where(truth[:, None] == np.arange(1, 3), log_odds[:, None], log_odds[:, None] - 40)
    attack[truth == 0] = log_odds[truth == 0, None] - np.log(2)
    logits = np.column_stack([np.zeros(log_odds.size), attack])
    return OutOfFold("environment", np.arange(log_odds.size), fold, truth, logits)


def described(predictions, coverage=0.9):
    return describe_abstention(
        predictions,
        CLASSES,
        benign_index=0,
        temperature=1.0,
        threshold=0.5,
        coverage=coverage,
        without=[],
        unseen=predictions,
    )


def test_what_is_measured_on_folds_left_out_is_the_coverage_where_they_are_alike_and_less_where_not():
    alike, moved = (described(out_of_fold(4000, 3, shift))[0]["unseen_site"] for shift in (0.0, 3.0))
    assert alike["covered"] == pytest.approx(0.9, abs=0.02)
    assert moved["per_class"]["BENIGN"]["covered"] < 0.8
    assert alike["wrong"] <= 0.1 < moved["per_class"]["BENIGN"]["wrong"]


def test_a_coverage_of_none_makes_no_abstention_and_one_that_is_no_share_is_refused():
    assert described(out_of_fold(50, 1), None) == (None, None)
    with pytest.raises(ValueError, match="final.coverage is 1.5"):
        described(out_of_fold(50, 1), 1.5)


@pytest.fixture(scope="module")
def careful(tmp_path_factory):
    """A package that abstains."""
    return make_package(tmp_path_factory.mktemp("careful") / "lab", coverage=0.9)


@pytest.fixture(scope="module")
def judged(careful, tmp_path_factory):
    """What detect wrote and said of benign flows and a flood, by the command."""
    folder = tmp_path_factory.mktemp("judged")
    records = benign_records(flows=200, seed=5) + flood_records(flows=100, seed=6)
    write_pcap(folder / "a.pcap", records)
    command = [sys.executable, "-m", "iotids", "detect", str(folder / "a.pcap"), "--model"]
    command += [str(careful.folder), "-o", str(folder / "v.csv"), "--report", str(folder / "page.html")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with (folder / "v.csv").open() as lines:
        rows = list(csv.DictReader(lines))
    return rows, json.loads((folder / "v.csv.summary.json").read_text()), done.stderr, folder / "page.html"


def test_detect_says_in_line_csv_summary_and_page_how_many_flows_it_abstained_from(judged, careful):
    rows, summary, said, page = judged
    abstained = [row for row in rows if row["unknown_because"] in UNKNOWN_BECAUSE[NOTHING_FITS:]]
    assert abstained
    assert {row["verdict"] for row in abstained} == {"unknown"}
    possible = package_point(careful).possible
    for row in rows:
        code = BENIGN if row["verdict"] == "benign" else ATTACK
        if row["verdict"] != "unknown":
            assert (
                possible.withdrawn(np.array([code]), np.array([float(row["attack_log_odds"])]))[0] == STANDS
            )
    assert summary["abstained"] == len(abstained)
    assert f"({len(abstained)} abstained from)" in said
    assert f"Flows abstained from: {len(abstained)}:" in page.read_text()
    assert summary["model"]["abstention"]["coverage"] == 0.9
    assert "another network is not" in report_page(summary)


def test_a_package_without_edges_goes_on_working(careful, tmp_path):
    old = json.loads((careful.folder / "reference.json").read_text())
    manifest = {k: v for k, v in careful.manifest.items() if k not in ("format", "files", "manifest_sha256")}
    for path in careful.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "reference.json").write_text(json.dumps(old | {"possible_classes": {"coverage": 0.9}}))
    seal_package(tmp_path, manifest)
    with pytest.raises(PackageError, match="possible_classes"):
        open_package(tmp_path)
    del old["possible_classes"], manifest["abstention"]
    (tmp_path / "reference.json").write_text(json.dumps(old))
    seal_package(tmp_path, manifest)
    assert package_point(open_package(tmp_path)).possible is None


def test_what_is_ordinary_on_one_s_own_network_is_not_abstained_from(careful, tmp_path):
    """Two days of a network teach its habits; on the third more flows are benign, and a flood is found as before."""
    for day in range(3):
        records = benign_records(flows=200, seed=day, start_us=START_US + day * DAY_US)
        write_pcap(tmp_path / f"{day}.pcap", records)
    last = START_US + 2 * DAY_US + HOUR_US
    write_pcap(tmp_path / "flood.pcap", flood_records(flows=100, seed=6, start_us=last))
    model = ["--model", str(careful.folder)]
    calibrated = run("calibrate", "0.pcap", "1.pcap", *model, "-o", "own.json", cwd=tmp_path)
    assert (tmp_path / "own.json").exists(), calibrated
    verdicts = []
    for point in ([], ["--operating-point", "own.json"]):
        code, said = run("detect", "2.pcap", "flood.pcap", *model, *point, "-o", "v.csv", cwd=tmp_path)
        assert code == 0, said
        verdicts.append(json.loads((tmp_path / "v.csv.summary.json").read_text()))
    before, after = verdicts
    assert after["abstained"] < before["abstained"] / 2
    assert after["verdicts"]["benign"] > before["verdicts"]["benign"]
    assert after["verdicts"].get("attack", 0) >= before["verdicts"]["attack"] > 90


def test_the_guarantee_is_a_text_that_a_package_may_hold():
    assert is_text(GUARANTEE)
