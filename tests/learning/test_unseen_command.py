"""`iotids unseen`: hand-checked figures from a run folder, and what it refuses."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iotids.commands.unseen import judged_rows, score_run, table

# site A: benign 0.2, 0.6 (one of two right); attacks 0.9, 0.4 (one of two found). Site B: one attack, found
SITES = ["A", "A", "A", "A", "B"]
LABELS = ["BENIGN", "BENIGN", "DOS", "DOS", "DOS"]
ATTACK = [0.2, 0.6, 0.9, 0.4, 0.7]


@pytest.fixture
def run(tmp_path):
    folder = tmp_path / "binary-x"
    folder.mkdir()
    order = np.array([4, 0, 2, 1, 3])  # predictions come fold by fold, not in the dataset's order
    attack = np.array(ATTACK, np.float32)[order]
    predictions = {
        "split": pa.array(["environment"] * 5 + ["grouped"]).dictionary_encode(),
        "row": np.append(order, 0),
        "score_BENIGN": np.append(1 - attack, np.float32(0)),
        "score_ATTACK": np.append(attack, np.float32(1)),
    }
    pq.write_table(pa.table(predictions), folder / "predictions.parquet")
    return folder


TRUTH = pa.table({"source": SITES, "label": LABELS})


def test_every_class_of_every_site_counts_alike(run):
    found, macro = score_run(run, TRUTH, "BENIGN", [])
    assert found.cells == {("A", "BENIGN"): 0.5, ("A", "DOS"): 0.5, ("B", "DOS"): 1.0}
    assert (found.benign, found.attacks, found.balanced) == (0.5, 0.75, 0.625)
    assert np.isnan(found.auc_within) and np.isnan(macro)  # too few flows; two classes have no F of five
    lines = list(table({"binary-x": (found, macro)}))
    assert lines[1] == "| binary-x | 0.500 | 0.750 | 0.625 | – | – |"
    assert "| binary-x | B | DOS | 1.000 | – |" in lines


def test_only_wanted_sites_count_and_unknown_ones_are_named(run):
    assert score_run(run, TRUTH, "BENIGN", ["B"])[0].attacks == 1.0
    with pytest.raises(ValueError, match="no site C; there are A, B"):
        score_run(run, TRUTH, "BENIGN", ["C"])


def test_a_run_without_the_split_or_of_another_dataset_is_refused(run):
    with pytest.raises(ValueError, match="it is of another dataset"):
        judged_rows(run, TRUTH.slice(0, 3), "BENIGN")
    path = run / "predictions.parquet"
    pq.write_table(pq.read_table(path).slice(5), path)
    with pytest.raises(ValueError, match="no predictions of the split environment"):
        judged_rows(run, TRUTH, "BENIGN")


def test_a_flow_is_named_as_detect_does_and_measured_from_the_zero_point(tmp_path):
    """Of five classes benign may be the likeliest beside an attack that is likelier than not: it is that attack."""
    scores = np.array([[0.4, 0.35, 0.25], [0.6, 0.3, 0.1], [0.3, 0.1, 0.6], [0.7, 0.2, 0.1]])
    names = ("BENIGN", "DOS", "SCANNING")
    columns = {f"score_{name}": scores[:, c] for c, name in enumerate(names)}
    rows = {"split": pa.array(["environment"] * 4).dictionary_encode(), "row": np.arange(4)}
    pq.write_table(pa.table(rows | columns), tmp_path / "predictions.parquet")
    truth = pa.table(
        {
            "source": ["A", "A", "B", "B"],
            "label": ["DOS", "BENIGN", "DOS", "BENIGN"],
            "capture": ["a", "a", "b", "b"],
            "flow_number": [0, 1, 0, 1],
            "src_ip": ["10.0.0.1"] * 4,
            "dst_ip": ["10.0.0.2"] * 4,
            "start_us": [0, 1, 0, 1],
            "flow_duration_us": [0] * 4,
        }
    )
    assert score_run(tmp_path, truth, "BENIGN", [])[1] == pytest.approx((2 / 3 + 1) / 2)
    plain, moved = (judged_rows(tmp_path, truth, "BENIGN", share)[2][:, 0] for share in (None, 0.5))
    assert np.all(moved >= plain - 1e-9) and moved[0] > plain[0]
