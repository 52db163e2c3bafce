"""Cleaning, sampling and merging; Table II."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.flowmeter.columns.schema import (
    IDENTITY_NAMES,
    MODEL_FEATURE_NAMES,
    SEQUENCE,
    SEQUENCE_PACKETS,
    TRUTH_NAMES,
    arrow_schema,
)
from iotids.flowmeter.context import with_context
from iotids.truth.integrating import dataset as dataset_file
from iotids.truth.integrating.integration import count_flows, dataset_schema, describe_cleaning, draw_flows
from iotids.truth.integrating.labelled_tables import LabelledTable, table_in_memory
from iotids.truth.integrating.table2 import PAPER, PAPER_PRINTED_TOTALS, add_up, table2_csv, table2_markdown
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict, truth_columns
from iotids.writing.tables import growing_table, write_table
from stages.integrate import Params
from tests.truth.tables import flow, flows

CLASSES = ("BENIGN", "DOS")
ALL = Params(keep={}, seed=7, features=["flow"])


def in_batches(table: pa.Table, n_rows: int) -> LabelledTable:
    """A table that comes `n_rows` at a time."""
    return LabelledTable(
        "batches",
        table.schema,
        lambda names: iter(
            [table.select(list(names)).slice(i, n_rows) for i in range(0, table.num_rows, n_rows)]
        ),
    )


def integrate(parts, classes, **options):  # type: ignore[no-untyped-def]
    """The dataset as one table, and its account."""
    tables = [part if isinstance(part, LabelledTable) else table_in_memory(*part) for part in parts]
    rows: list[pa.Table] = []
    cleaning = dataset_file.integrate(tables, rows.append, classes, **options)
    return pa.concat_tables(rows), describe_cleaning(cleaning)


def labelled(source: str, classes: list[str], **columns: list[float]) -> pa.Table:
    table = flows(*[flow("10.0.0.1", number, "10.0.0.2", 80) for number in range(len(classes))])
    for name, values in columns.items():
        table = table.set_column(
            table.column_names.index(name),
            table.schema.field(name),
            pa.array(values, table.schema.field(name).type),
        )
    verdicts = tuple(Verdict(name, "", "test") for name in dict.fromkeys(classes))
    codes = np.array(
        [[verdict.label for verdict in verdicts].index(name) for name in classes], dtype=np.int32
    )
    truth = truth_columns(source, CaptureLabels("a.pcap", "a", verdicts, codes))
    for name in TRUTH_NAMES:
        table = table.append_column(truth.schema.field(name), truth.column(name))
    return table


def test_rows_with_nan_or_infinity_go_and_are_counted_per_column_source_and_class() -> None:
    table = labelled(
        "D1",
        ["BENIGN", "DOS", "DOS", "DOS"],
        flow_bytes_per_s=[1.0, float("nan"), float("inf"), 2.0],
        flow_iat_min_us=[0, float("nan"), 0, 0],
    )
    dataset, cleaning = integrate([("D1", table)], CLASSES, **vars(ALL))
    assert dataset.column("flow_bytes_per_s").to_pylist() == [1.0, 2.0]
    assert cleaning["not_finite"]["flows"] == {"D1": {"DOS": 2}}
    assert cleaning["not_finite"]["columns"] == {
        "flow_bytes_per_s": {"nan": 1, "infinity": 1, "minus_infinity": 0},
        "flow_iat_min_us": {"nan": 1, "infinity": 0, "minus_infinity": 0},
    }
    assert cleaning["flows"] == {"came": 4, "not_finite": 2, "not_drawn": 0, "left": 2}


def test_dataset_has_identity_truth_and_the_70_features_as_numbers() -> None:
    dataset, _ = integrate([("D1", labelled("D1", ["BENIGN", "DOS"]))], CLASSES, **vars(ALL))
    assert dataset.column_names == [*IDENTITY_NAMES, *TRUTH_NAMES, *MODEL_FEATURE_NAMES]
    assert {dataset.schema.field(name).type for name in MODEL_FEATURE_NAMES} == {pa.float64()}


def test_context_is_kept_where_the_parameters_want_it_and_its_lack_is_named() -> None:
    table = labelled("D1", ["BENIGN", "DOS"])
    wanted = Params(keep={}, seed=7, features=["flow", "context"])
    dataset, _ = integrate([("D1", with_context(table))], CLASSES, **vars(wanted))
    assert dataset.column_names == [*IDENTITY_NAMES, *TRUTH_NAMES, *MODEL_FEATURE_NAMES, *CONTEXT_NAMES]
    assert dataset.column("initiator_60s_flows").to_pylist() in ([1.0, 2.0], [2.0, 1.0], [2.0, 2.0])
    with pytest.raises(ValueError, match="missing column initiator_2s_flows.*meter.columns"):
        integrate([("D1", table)], CLASSES, **vars(wanted))


def test_packets_are_kept_where_the_parameters_want_them_and_their_lack_is_named() -> None:
    table = labelled("D1", ["BENIGN", "DOS"])
    wanted = Params(keep={}, seed=7, features=["flow", "sequence"])
    with pytest.raises(ValueError, match="missing column sequence_bytes.*sequence wants meter.columns"):
        integrate([("D1", table)], CLASSES, **vars(wanted))
    for number, field in enumerate(arrow_schema(SEQUENCE)):
        rows = [[number + row] * SEQUENCE_PACKETS for row in range(2)]
        table = table.append_column(field, pa.array(rows, field.type))
    dataset, cleaning = integrate([("D1", table)], CLASSES, **vars(wanted))
    assert dataset.column_names[-4:] == [MODEL_FEATURE_NAMES[-1], *(column.name for column in SEQUENCE)]
    assert dataset.column("sequence_flags").to_pylist() == [[2] * 32, [3] * 32]
    assert not set(cleaning["constant_columns"]["columns"]) & {column.name for column in SEQUENCE}


def test_class_whose_flows_all_have_infinite_rates_is_named_with_that_reason() -> None:
    table = labelled("D1", ["BENIGN", "DOS"], flow_packets_per_s=[1.0, float("inf")])
    with pytest.raises(ValueError, match="class DOS is left: 1 have NaN or Infinity"):
        integrate([("D1", table)], CLASSES, **vars(ALL))


def test_constant_columns_are_reported_and_stay() -> None:
    table = labelled("D1", ["BENIGN", "DOS"], fwd_packets=[1, 2], syn_flags=[3, 3])
    dataset, cleaning = integrate([("D1", table)], CLASSES, **vars(ALL))
    assert "fwd_packets" not in cleaning["constant_columns"]["columns"]
    assert cleaning["constant_columns"]["columns"]["syn_flags"] == 3.0
    assert "syn_flags" in dataset.column_names


def test_column_is_constant_only_when_it_is_so_across_sources() -> None:
    parts = [
        ("D1", labelled("D1", ["BENIGN", "DOS"], syn_flags=[3, 3])),
        ("D2", labelled("D2", ["DOS"], syn_flags=[4])),
    ]
    assert "syn_flags" not in integrate(parts, CLASSES, **vars(ALL))[1]["constant_columns"]["columns"]


def test_share_and_number_of_flows_to_keep_are_kept_per_source_and_class() -> None:
    parts = [("D1", labelled("D1", ["BENIGN"] * 10 + ["DOS"] * 100)), ("D2", labelled("D2", ["DOS"] * 100))]
    dataset, cleaning = integrate(parts, CLASSES, keep={"D1/DOS": 0.25, "D2": 7}, seed=7, features=["flow"])
    assert count_flows(dataset) == {"D1": {"BENIGN": 10, "DOS": 25}, "D2": {"DOS": 7}}
    assert cleaning["not_drawn"]["flows"] == {"D1": {"DOS": 75}, "D2": {"DOS": 93}}


def test_sample_depends_on_the_seed_and_not_on_the_other_sources() -> None:
    alone = draw_flows({("D1", "DOS"): 100}, {"D1": 0.2}, 7)["D1", "DOS"]
    beside = draw_flows({("D2", "DOS"): 50, ("D1", "DOS"): 100, ("D3", "DOS"): 9}, {"D1": 0.2, "D2": 0}, 7)
    assert alone.tolist() == beside["D1", "DOS"].tolist() == sorted(set(alone.tolist()))
    assert len(alone) == 20 and alone.max() < 100 and set(beside) == {("D1", "DOS"), ("D2", "DOS")}
    assert alone.tolist() != draw_flows({("D1", "DOS"): 100}, {"D1": 0.2}, 8)["D1", "DOS"].tolist()


def test_a_sample_is_that_of_the_whole_table_drawn_at_once() -> None:
    """The twin: finite rows of a class, drawn from the array of their numbers."""
    rates = [float("inf") if number % 7 == 0 else 1.0 for number in range(120)]
    table = labelled("D1", ["BENIGN", "DOS", "DOS"] * 40, flow_packets_per_s=rates)
    dataset, _ = integrate([("D1", table)], CLASSES, keep={"D1/DOS": 0.3}, seed=7, features=["flow"])
    is_dos = np.array(table.column("label").to_pylist()) == "DOS"
    finite = np.isfinite(rates)
    generator = np.random.default_rng([7, zlib.crc32(b"D1/DOS")])
    rows = np.flatnonzero(is_dos & finite)
    drawn = generator.choice(rows, round(0.3 * rows.size), replace=False)
    wanted = np.sort(np.concatenate([np.flatnonzero(~is_dos & finite), drawn]))
    assert (
        dataset.column("src_port").to_pylist() == table.column("src_port").take(pa.array(wanted)).to_pylist()
    )


@pytest.mark.parametrize("n_rows", [1, 7, 64, 1000])
@pytest.mark.parametrize("keep", [{}, {"D1": 0.5, "D1/DOS": 9}])
def test_the_size_of_batches_changes_nothing(n_rows: int, keep: dict[str, float]) -> None:
    rates = [float("nan") if number % 11 == 0 else float(number) for number in range(120)]
    table = labelled("D1", ["DOS"] * 60 + ["BENIGN", "DOS"] * 30, flow_packets_per_s=rates)
    whole, account = integrate([("D1", table)], CLASSES, keep=keep, seed=7, features=["flow"])
    dataset, batched = integrate([in_batches(table, n_rows)], CLASSES, keep=keep, seed=7, features=["flow"])
    assert dataset.equals(whole) and json.dumps(batched) == json.dumps(account)


def test_a_refused_dataset_leaves_the_old_one(tmp_path: Path) -> None:
    write_table(pa.table({"old": [1]}), tmp_path / "flows.parquet")
    part = labelled("D1", ["DOS"] * 3)
    with (
        pytest.raises(ValueError, match="BENIGN"),
        growing_table(tmp_path / "flows.parquet", dataset_schema(), group_rows=2) as out,
    ):
        dataset_file.integrate([table_in_memory("D1", part)], out.write, CLASSES, **vars(ALL))
    assert pq.read_table(tmp_path / "flows.parquet").column_names == ["old"]
    assert [path.name for path in tmp_path.iterdir()] == ["flows.parquet"]


@pytest.mark.parametrize("n_rows", [1, 7, 99, 1000])
def test_a_growing_table_is_the_whole_table_whatever_comes_at_a_time(tmp_path: Path, n_rows: int) -> None:
    table = labelled("D1", ["BENIGN"] + ["DOS"] * 98)
    pq.write_table(table, tmp_path / "whole.parquet", compression="zstd", row_group_size=10)
    with growing_table(tmp_path / "grown.parquet", table.schema, group_rows=10) as out:
        for begin in range(0, table.num_rows, n_rows):
            out.write(table.slice(begin, n_rows))
    assert (tmp_path / "grown.parquet").read_bytes() == (tmp_path / "whole.parquet").read_bytes()


def test_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        dataset, _ = integrate(
            [("D1", labelled("D1", ["BENIGN"] + ["DOS"] * 99))],
            CLASSES,
            keep={"D1/DOS": 0.5},
            seed=3,
            features=["flow"],
        )
        write_table(dataset, tmp_path / name)
        digests.add(hashlib.md5((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("parts", "params", "complaint"),
    [
        ([("D1", labelled("D1", ["BENIGN", "WORM"]))], ALL, "unknown class 'WORM'"),
        ([("D1", labelled("D1", ["DOS"]))], ALL, "no flow of class BENIGN is left"),
        (
            [("D1", labelled("D1", ["BENIGN", "DOS"]).drop_columns(["syn_flags"]))],
            ALL,
            "missing column syn_flags",
        ),
        (
            [("D1", labelled("D1", ["BENIGN", "DOS"]))],
            Params(keep={"D9": 0.5}, seed=7, features=["flow"]),
            "integrate.keep names D9",
        ),
        (
            [("D1", labelled("D1", ["BENIGN", "DOS"]))],
            Params(keep={"D1": 5.0}, seed=7, features=["flow"]),
            "wanted a share",
        ),
        (
            [("D1", labelled("D1", ["BENIGN", "DOS"]))],
            Params(keep={"D1": "many"}, seed=7, features=["flow"]),
            "wanted a share",
        ),  # type: ignore[dict-item]
    ],
)
def test_what_cannot_be_integrated_is_refused(
    parts: list[tuple[str, pa.Table]], params: Params, complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint.replace(".", r"\.")):
        integrate(parts, CLASSES, **vars(params))


def test_cells_of_the_papers_table_add_up_to_what_it_does_not_print() -> None:
    sums = add_up(PAPER)
    assert sum(sums.values()) == 1_805_055 == PAPER_PRINTED_TOTALS["flows"] + 2
    assert sums["BENIGN"] == 437_818 == PAPER_PRINTED_TOTALS["BENIGN"] + 1
    assert sum(sums.values()) - sums["BENIGN"] == 1_367_237 == PAPER_PRINTED_TOTALS["ATTACK"] + 1
    assert all(sums[name] == PAPER_PRINTED_TOTALS[name] for name in ("DOS", "MITM", "MIRAI", "SCANNING"))
    assert {source: sum(classes.values()) for source, classes in PAPER.items()} == {
        "D1": 26_246,
        "D2": 794_767,
        "D3": 437_322,
        "D4": 546_720,
    }


def test_table_shows_the_papers_figures_beside_ours() -> None:
    classes = ("BENIGN", "DOS", "MIRAI", "MITM", "SCANNING")
    counts = {"D1": {"BENIGN": 61, "DOS": 65}, "D2": {"SCANNING": 15_895}}
    text = table2_markdown(counts, classes, "made")
    assert "| D1 | 126 (26,246) | 61 (496) | 65 (3,273) | – (18,623) | – (378) | – (3,476) |" in text
    assert "| D2 | 15,895 (794,767) | – | – | – | – | 15,895 (794,767) |" in text
    assert "D2,SCANNING,15895,794767\n" in table2_csv(counts, classes)


def test_table_of_other_sources_does_not_mention_the_paper() -> None:
    text = table2_markdown({"home": {"BENIGN": 5, "DOS": 6}}, CLASSES, "made")
    assert (
        text
        == "| Dataset | Flows | BENIGN | DOS |\n|---|---:|---:|---:|\n| home | 11 | 5 | 6 |\n| **Sum** | 11 | 5 | 6 |\n\nData set `made`.\n"
    )


def test_only_sources_of_the_parameters_are_read_whatever_an_earlier_choice_of_data_left_in_the_folder(
    tmp_path: Path,
) -> None:
    (tmp_path / "out/labelled").mkdir(parents=True)
    for source in ("home", "stale"):
        pq.write_table(labelled(source, ["BENIGN", "DOS"]), tmp_path / f"out/labelled/{source}.parquet")
    pq.write_table(pa.table({"not": ["ours"]}), tmp_path / "out/labelled/stale.apart.parquet")
    data = {
        "name": "t",
        "root": ".",
        "classes": list(CLASSES),
        "benign": "BENIGN",
        "sources": {"home": {"kind": "rules"}},
    }
    (tmp_path / "params.yaml").write_text(
        yaml.safe_dump({"data": data, "integrate": {"features": ["flow"], "keep": {}, "seed": 7}}),
        encoding="utf-8",
    )
    command = [sys.executable, "-m", "stages.integrate", "--labelled", "out/labelled", "--out", "out/dataset"]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert count_flows(pq.read_table(tmp_path / "out/dataset/flows.parquet")) == {
        "home": {"BENIGN": 1, "DOS": 1}
    }
    (tmp_path / "out/labelled/home.parquet").unlink()
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, "home.parquet" in done.stderr, "Traceback" in done.stderr) == (1, True, False)


@pytest.mark.parametrize(
    "script", ["stages.integrate", "iotids.commands.fetch", "iotids.commands.import_table"]
)
def test_stages_without_models_or_pictures_start_without_their_libraries(script: str) -> None:
    heavy = {"matplotlib", "sklearn", "scipy", "pandas", "tensorflow", "numba", "mlflow"}
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, {script}; print(*{heavy} & set(sys.modules))"],
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr


def test_table_from_elsewhere_joins_a_dataset(tmp_path: Path) -> None:
    from iotids.truth.imports.cic_tables import How, import_table
    from tests.truth.test_cic_tables import row as cic_row
    from tests.truth.test_cic_tables import table as cic_table

    imported = import_table(
        cic_table(tmp_path, cic_row(), cic_row(Label="DoS")),
        How("elsewhere", {"benign": "BENIGN", "dos": "DOS"}),
    ).flows
    dataset, _ = integrate(
        [("D1", labelled("D1", ["BENIGN", "DOS"])), ("elsewhere", imported)], CLASSES, **vars(ALL)
    )
    assert count_flows(dataset) == {"D1": {"BENIGN": 1, "DOS": 1}, "elsewhere": {"BENIGN": 1, "DOS": 1}}
