"""A detector that finds nothing is not handed over in silence: what held-out flows say against a package is
found, written, and said.
"""

import json
import shutil

import numpy as np
import pyarrow as pa
import pytest

from iotids.detecting.package.model_card import unseen_site_in_words
from iotids.detecting.package.package import MANIFEST, open_package, seal_package
from iotids.detecting.packing.doubts import classes_not_found, doubts_about
from iotids.detecting.packing.out_of_fold import OutOfFold, choose_operating_point, unseen_site_cost
from iotids.detecting.packing.packing import Dataset, cells_of
from iotids.detecting.running.session import unjudged
from iotids.detecting.summary.not_judged import count_not_judged

CLASSES = ("BENIGN", "DOS", "MITM")
SOUND = {"temperature": 1.3}


def predictions(benign_per_fold, *, attack_odds=6.0, benign_odds=0.0, name_mitm=True, seed=0):
    """Out-of-fold flows whose log-odds lie around the given ones; 40 of each attack class a fold."""
    random, fold, truth, logits = np.random.default_rng(seed), [], [], []
    for f, n_benign in enumerate(benign_per_fold):
        for label, n in enumerate((n_benign, 40, 40)):
            odds = (benign_odds if label == 0 else attack_odds) + random.normal(0, 0.5, n)
            named = np.full(n, 1 if label < 2 or not name_mitm else 2)
            scores = np.full((n, 3), -30.0)
            scores[:, 0] = 0.0
            scores[np.arange(n), named] = odds
            logits.append(scores)
            fold.append(np.full(n, f))
            truth.append(np.full(n, label))
    fold, truth = np.concatenate(fold), np.concatenate(truth)
    return OutOfFold("grouped", np.arange(fold.size), fold, truth, np.concatenate(logits))


def point_of(flows, share=0.01):
    return choose_operating_point(flows, CLASSES, benign_index=0, temperature=1.0, false_alarm_share=share)


def test_a_detector_that_separates_its_classes_has_no_doubts():
    point = point_of(predictions([200, 200, 200]))
    assert doubts_about(SOUND, point) == []
    assert classes_not_found(point, CLASSES) == {}
    assert (point["folds_behind_threshold"], point["benign_flows_behind_threshold"]) == (3, 600)


def test_one_fold_with_enough_benign_flows_does_not_set_the_threshold_alone():
    flows = predictions([120, 20, 20, 20, 20])
    flows.logits[(flows.fold == 0) & (flows.truth == 0), 1] += 30.0  # the one large fold is wrongly sure
    point = point_of(flows)
    pooled = np.sort((flows.logits[:, 1])[flows.truth == 0])[::-1]
    assert point["folds_behind_threshold"] == 0
    assert point["log_odds"] == pytest.approx(pooled[2], abs=1e-6)  # 1 % of 200 flows are 2 alarms
    doubts = " ".join(doubts_about(SOUND, point))
    assert "too few of the 5 folds" in doubts
    assert "all folds pooled (200 benign flows)" in doubts


def test_two_of_three_folds_give_a_median_and_no_doubt():
    assert doubts_about(SOUND, point_of(predictions([150, 150, 20]))) == []


def test_too_few_benign_flows_in_all_folds_together_are_refused_with_what_to_do():
    with pytest.raises(ValueError, match=r"tests 60 benign flows.* takes 100 or more"):
        point_of(predictions([20, 20, 20]))


def test_attacks_that_look_like_benign_flows_make_a_doubtful_detector():
    point = point_of(predictions([200, 200, 200], attack_odds=-20.0))
    assert point["measured"]["recall"] == 0.0
    assert "finds 0.00% of the attacks" in doubts_about(SOUND, point)[0]


def test_a_class_of_which_nothing_is_called_an_attack_is_a_doubt_that_names_it():
    flows = predictions([200, 200, 200])
    flows.logits[flows.truth == 2] = [0.0, -20.0, -20.0]
    doubts = doubts_about(SOUND, point_of(flows))
    assert len(doubts) == 1
    assert "finds nothing of MITM" in doubts[0]


def test_a_class_that_is_never_named_is_no_doubt_and_is_listed_with_what_happens_to_it():
    point = point_of(predictions([200, 200, 200], name_mitm=False))
    assert doubts_about(SOUND, point) == []
    missed = classes_not_found(point, CLASSES)
    assert set(missed) == {"MITM"}
    assert "100.0% of them are called another attack" in missed["MITM"]


@pytest.mark.parametrize(("temperature", "n"), [(20.0, 1), (19.9999, 1), (0.05, 1), (19.0, 0), (0.06, 0)])
def test_a_temperature_at_its_bound_is_a_doubt(temperature, n):
    assert len(doubts_about({"temperature": temperature}, point_of(predictions([200, 200, 200])))) == n


def test_the_threshold_on_an_unseen_site_is_counted_over_all_flows_and_per_site():
    flows = predictions([200, 100, 0])
    flows.logits[(flows.fold == 1) & (flows.truth == 0), 1] = 9.0
    cost = unseen_site_cost(flows, CLASSES, benign_index=0, temperature=1.0, threshold=3.0)
    assert cost["false_alarm_share"] == pytest.approx(1 / 3)
    assert [part["false_alarm_share"] for part in cost["folds"]] == [0.0, 1.0, None]
    assert cost["recall"] == 1.0


def test_the_card_says_what_the_threshold_gives_on_an_unseen_site():
    flows = predictions([200, 100, 0])
    flows.logits[(flows.fold == 1) & (flows.truth == 0), 1] = 9.0
    point = point_of(predictions([200, 200, 200]))
    assert "not measured" in unseen_site_in_words(point)
    cost = unseen_site_cost(flows, CLASSES, benign_index=0, temperature=1.0, threshold=3.0)
    text = unseen_site_in_words({**point, "unseen_site": cost})
    assert "33.3 % of benign flows alarm (wanted: 1.0 %)" in text
    assert "found: 100.0 % (DOS 100.0 %, MITM 100.0 %)" in text


# ------------------------------------------------------------------------------------------------------------
# what detect says


@pytest.fixture
def doubtful(trained, tmp_path):
    """The laboratory's package, sealed again with a doubt and a class that it does not find."""
    folder = shutil.copytree(trained.folder, tmp_path / "doubtful")
    manifest = json.loads((folder / MANIFEST).read_text())
    kept = {k: v for k, v in manifest.items() if k not in ("format", "files", "manifest_sha256")}
    lost = {"DOS": "no held-out flow of this class is given it"}
    seal_package(folder, {**kept, "doubts": ["it finds 0 % of the attacks"], "classes_not_found": lost})
    return open_package(folder)


def test_detect_and_its_page_open_with_the_doubt(doubtful, tmp_path, capsys, monkeypatch):
    from iotids.commands import detect
    from tests.detecting.lab import benign_records
    from tests.packets import write_pcap

    monkeypatch.chdir(tmp_path)
    write_pcap(tmp_path / "c.pcap", benign_records(flows=20, seed=1))
    words = ["detect", "c.pcap", "-o", "v.csv", "--report", "page.html", "--model", str(doubtful.folder)]
    monkeypatch.setattr("sys.argv", words)
    assert detect.main() == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "warning: this model is doubtful: it finds 0 % of the attacks"
    assert said[1].startswith("warning: this model does not find DOS")
    body = (tmp_path / "page.html").read_text().split("<body>")[1]
    assert body.index("Do not rely on this model: it finds 0 %") < body.index("judged flows")
    assert body.index("This model does not find DOS") < body.index("judged flows")
    assert "<th>Not found</th><td>DOS: no held-out flow of this class is given it</td>" in body
    summary = json.loads((tmp_path / "v.csv.summary.json").read_text())
    assert summary["model"]["doubts"] == ["it finds 0 % of the attacks"]


def test_a_flood_that_the_profile_leaves_out_stands_in_the_line_and_at_the_head_of_the_page(
    tmp_path, tmp_path_factory, capsys, monkeypatch
):
    from iotids.commands import detect
    from tests.detecting.lab import METER, benign_records, flood_records, make_package
    from tests.packets import write_pcap

    package = make_package(tmp_path_factory.mktemp("paper") / "lab", meter={**METER, "profile": "paper"})
    monkeypatch.chdir(tmp_path)
    write_pcap(tmp_path / "c.pcap", [*benign_records(flows=30, seed=1), *flood_records(flows=900, seed=2)])
    words = ["detect", "c.pcap", "-o", "v.csv", "--report", "p.html", "--model", str(package.folder)]
    monkeypatch.setattr("sys.argv", words)
    detect.main()
    line = capsys.readouterr().err.splitlines()[-1]
    assert "not judged: 900 of 949 flows (94.8 %)" in line
    assert "900 in flows of one packet, which the model's profile paper does not write" in line
    head = (tmp_path / "p.html").read_text().split("<section>")[0]
    assert "Not judged: 900 of 949 flows (94.8 %)" in head


def ledger(**changed):
    plain = {"packets": 10, "profile": "clean", "links": ["Ethernet"], "set_aside": {}, "flows": 2}
    return {**plain, "flows_not_written": 0, "packets_in_flows_not_written": 0, **changed}


def test_a_capture_that_was_judged_as_a_whole_says_so():
    assert count_not_judged([ledger()]).in_words() == "every packet is in a judged flow"


def test_packets_without_a_verdict_are_counted_by_reason_over_all_captures():
    left = count_not_judged(
        [
            ledger(set_aside={"not_ip": 3, "arp": 1}),
            ledger(set_aside={"arp": 1}),
            ledger(flows_not_written=2, packets_in_flows_not_written=2, profile="paper"),
        ]
    )
    assert (left.packets, left.of_packets, left.flows, left.of_flows) == (7, 30, 2, 8)
    assert list(left.reasons.values()) == [3, 2, 2]


def test_a_share_is_never_rounded_to_nothing_or_to_all():
    few = count_not_judged([ledger(packets=1_000_000, set_aside={"arp": 1})])
    assert "(< 0.1 %)" in few.in_words()
    most = count_not_judged([ledger(packets=1_000_000, set_aside={"arp": 999_999})])
    assert "(> 99.9 %)" in most.in_words()


@pytest.mark.parametrize("profile", ["paper", "original"])
def test_a_flood_that_the_profile_writes_no_flow_of_is_a_fault_with_the_profile_that_helps(profile):
    flood = ledger(profile=profile, flows=0, flows_not_written=10, packets_in_flows_not_written=10)
    assert unjudged(flood).endswith(
        f"the model's profile {profile} does not write; use a model of the profile clean"
    )
    assert unjudged(flood | {"flows": 1}) == ""


def test_of_an_unseen_site_every_class_of_every_site_counts_alike():
    """Two sites of 20 flows: at home 10 of 10 benign and 5 of 10 attacks are right, abroad 5 of 10 benign ones."""
    right, wrong = [4.0, -4.0], [-4.0, 4.0]  # logits (benign, attack) of flows judged benign, and attack
    logits = np.array([right] * 10 + [wrong] * 5 + [right] * 5 + [right] * 5 + [wrong] * 5)
    truth = np.array([0] * 10 + [1] * 10 + [0] * 10)
    table = pa.table(
        {
            "source": ["home"] * 20 + ["abroad"] * 10,
            "label": ["BENIGN"] * 10 + ["DOS"] * 10 + ["BENIGN"] * 10,
        }
    )
    flows = OutOfFold("environment", np.arange(30), np.repeat([0, 1], [20, 10]), truth, logits)
    dataset = Dataset(table.select, "two", ("BENIGN", "DOS"), "BENIGN", "0" * 64)
    cells = cells_of(dataset, flows, 1.0, benign_index=0, threshold=0.0)
    f = 2 * 15 / (20 + 20)  # of benign, the only class of two sites: 15 hits of 20 flows and of 20 verdicts
    wanted = {"benign_right": 0.75, "attacks_found": 0.5, "balanced": 0.625, "auc_within_site": 0.75}
    assert cells == wanted | {"macro_f": f}
