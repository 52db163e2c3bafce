"""The audit stage end to end on a small dataset with known flaws."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from iotids.auditing.investigate import Findings
from iotids.auditing.page import draw_figures, write_html, write_markdown
from iotids.auditing.sections.order import write_sections
from iotids.auditing.sections.section import Section, Table
from iotids.flowmeter.columns.schema import MODEL_FEATURE_NAMES
from iotids.plumbing.params import Data
from iotids.truth.integrating.integration import dataset_schema
from stages.audit import Params, audit

DATA = Data(name="test", root=Path(), sources={}, classes=("BENIGN", "DOS"), benign="BENIGN")
PARAMS = Params(sample_rows=1000, seed=7, significant_digits=3, near_constant_share=0.99, correlation=0.98)


def dataset(folder: Path, n_rows: int = 200) -> pq.ParquetFile:
    """Half of the rows benign from `home`, half attacks from `lab`; `syn_flags` is the class, the rest noise;
    ten rows come twice.
    """
    generator = np.random.default_rng(3)
    columns: dict[str, object] = {}
    for field in dataset_schema():
        columns[field.name] = [""] * n_rows if field.type == pa.string() else np.zeros(n_rows)
    for name in MODEL_FEATURE_NAMES[:20]:
        columns[name] = generator.integers(0, 1000, n_rows).astype(float)
    is_attack = np.arange(n_rows) % 2 == 1
    columns["syn_flags"] = is_attack.astype(float)
    for name in MODEL_FEATURE_NAMES:
        columns[name][-10:] = columns[name][:10]  # type: ignore[index]
    columns["label"] = np.where(is_attack, "DOS", "BENIGN").tolist()
    columns["source"] = np.where(is_attack, "lab", "home").tolist()
    columns["group"] = [f"g{row % 8}" for row in range(n_rows)]
    columns["label_rule"] = ["whole capture" if attack else "no rule" for attack in is_attack]
    table = pa.table(
        {field.name: pa.array(columns[field.name]).cast(field.type) for field in dataset_schema()}
    )
    pq.write_table(table, folder / "flows.parquet")
    return pq.ParquetFile(folder / "flows.parquet")


@pytest.fixture(scope="module")
def findings(tmp_path_factory: pytest.TempPathFactory) -> Findings:
    return audit(dataset(tmp_path_factory.mktemp("audit")), DATA, PARAMS, split(), {})


def split(n_rows: int = 200) -> dict[str, dict[str, np.ndarray]]:
    tested = np.arange(n_rows) >= n_rows - 10
    folds = {
        "test_fold": np.where(tested, 0, -1).astype(np.int16),
        "train_folds": np.where(tested, 0, 1).astype(np.uint64),
    }
    return {"stratified": {"row": np.arange(n_rows), **folds}}


def test_flaws_put_into_a_dataset_are_found(findings: Findings) -> None:
    numbers = findings.numbers
    assert numbers["counts"] == {"home": {"BENIGN": 100, "DOS": 0}, "lab": {"BENIGN": 0, "DOS": 100}}
    assert numbers["duplicates"]["exact"]["distinct"] == 190
    assert numbers["twins"]["stratified"]["exact"] == [{"fold": 0, "test_rows": 10, "twins": 10}]
    assert numbers["oracle"]["ours"]["multiclass_oracle"] == 1.0
    assert (numbers["separability"][0]["feature"], numbers["separability"][0]["attack_auc"]) == (
        "syn_flags",
        1.0,
    )
    assert numbers["source_probe"]["all classes"]["balanced_accuracy"]["1"] == 1.0
    assert numbers["source_probe"]["BENIGN"] is None
    assert numbers["no_flows"]["rows"] == 200
    assert numbers["ground_truth"]["whole_capture_share"] == 0.5
    assert set(MODEL_FEATURE_NAMES[20:]) - {"syn_flags"} == set(numbers["features"]["near_constant"])


def test_same_dataset_gives_the_same_files(findings: Findings, tmp_path: Path) -> None:
    pages = set()
    for found in (findings, audit(dataset(tmp_path), DATA, PARAMS, split(), {})):
        sections = write_sections(found)
        pages.add(write_html("t", "l", sections, draw_figures(sections)))
    assert len(pages) == 1


def test_html_needs_no_other_file_and_has_every_section(findings: Findings) -> None:
    sections = write_sections(findings)
    page = write_html("t", "l", sections, draw_figures(sections))
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    for section in sections:
        assert f'id="{section.key}"' in page
        assert section.published
        assert section.conclusion
    assert [section.key for section in sections] == [
        "counts",
        "duplicates",
        "twins",
        "oracle",
        "source_probe",
        "separability",
        "features",
        "ground_truth",
        "no_flows",
        "timeouts",
    ]


def test_without_splits_the_page_says_nothing_about_twins(tmp_path: Path) -> None:
    sections = write_sections(audit(dataset(tmp_path), DATA, PARAMS, {}, {}))
    assert "twins" not in [section.key for section in sections]


def test_what_labelling_noticed_is_shown(tmp_path: Path) -> None:
    notice = {"name": "rules_disagree", "severity": "warning", "count": 12, "message": "a | b <c>"}
    summary = {"home": {"notices": [notice], "kept_apart": {"why": 3}, "unlabelled": 1, "rules": {"r": 5}}}
    findings = audit(dataset(tmp_path), DATA, PARAMS, {}, summary)
    sections = write_sections(findings)
    assert findings.numbers["ground_truth"]["kept_apart"] == 4
    assert "a \\| b <c>" in write_markdown("t", "l", sections, {})
    assert "a | b &lt;c&gt;" in write_html("t", "l", sections, {})


def test_class_without_any_conversation_is_named(findings: Findings) -> None:
    section = next(section for section in write_sections(findings) if section.key == "no_flows")
    assert section.finding.endswith("Made of nothing else: BENIGN of `home`, DOS of `lab`.")


def test_long_message_keeps_its_capture_and_its_end(tmp_path: Path) -> None:
    message = f"scan.pcap: rule `{'x' * 300}` gave DOS, rule `y` would have given SCANNING"
    summary = {
        "home": {
            "notices": [{"name": "rules_disagree", "severity": "warning", "count": 1, "message": message}]
        }
    }
    page = write_markdown("t", "l", write_sections(audit(dataset(tmp_path), DATA, PARAMS, {}, summary)), {})
    assert "scan.pcap: rule `xxx" in page
    assert "xxx` gave DOS, rule `y` would have given SCANNING |" in page
    assert message not in page


def test_numbers_are_strict_json(findings: Findings, tmp_path: Path) -> None:
    from iotids.writing.tables import write_json

    write_json(findings.numbers, tmp_path / "audit.json")
    assert json.loads((tmp_path / "audit.json").read_text(encoding="utf-8"))["rows"] == 200


def test_empty_dataset_and_unknown_class_are_refused(tmp_path: Path) -> None:
    pq.write_table(dataset_schema().empty_table(), tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match="no row"):
        audit(pq.ParquetFile(tmp_path / "empty.parquet"), DATA, PARAMS, {}, {})
    with pytest.raises(ValueError, match="class DOS"):
        audit(dataset(tmp_path), Data("t", Path(), {}, ("BENIGN",), "BENIGN"), PARAMS, {}, {})


def test_audit_starts_without_what_only_its_drawing_and_fitting_need() -> None:
    heavy = {"matplotlib", "sklearn", "scipy", "pandas", "tensorflow", "numba", "mlflow"}
    code = f"import sys, stages.audit; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_cells_that_start_like_numbers_but_are_words_are_set_to_the_left() -> None:
    section = Section(
        "k", "t", "f", "p", "c", [Table("c", ["n", "w"], [["1,234", "2 apples"], ["5.0 %", "1 pear"]])]
    )
    assert "|---:|---|" in write_markdown("t", "l", [section], {})
