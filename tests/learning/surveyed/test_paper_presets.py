"""The presets of papers of Section III, from made-up tables in the layout of each release to the report's section:
every model of a preset is read for, fitted on and scored on the splits that the preset names.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from iotids.flowmeter.flows import flows_from_capture
from iotids.learning.baselines.registry import BASELINES
from iotids.learning.contract import RunContext, configured
from iotids.learning.networks.registry import NETWORKS
from iotids.learning.runs.inputs import read_inputs
from iotids.learning.runs.run_folder import Configuration, predictions_table, run_document
from iotids.learning.splits.flows import flows_from_table
from iotids.plumbing.params import compose
from iotids.reporting.sections.surveyed.systems import surveyed_markdown
from iotids.truth.integrating.dataset import integrate
from iotids.truth.integrating.labelled_tables import table_in_memory
from iotids.truth.labelling.flow_labels import CaptureLabels, Verdict, truth_columns
from iotids.truth.published.import_release import import_release
from iotids.writing.tables import write_table
from stages.split import Params as SplitParams
from stages.split import split_flows
from tests.bench.capture import write_capture
from tests.learning.given import Memory
from tests.reporting.made_results import scored
from tests.truth.published_rows import made_up_file

ROOT = Path(__file__).resolve().parents[3]
WORKS = {
    "paper14": "[14] Lopez-Martin",
    "paper15": "[15] Thing",
    "paper16": "[16] Diro",
    "paper17": "[17] Moustafa",
    "paper18": "[18] Al-Jarrah",
    "paper19": "[19] Vinayakumar",
    "paper20": "[20] Ma",
}
RECORDS = {"paper16": 1_200}  # of each file: sixteen nodes share them, and each must have every class
SHORT = ("epochs", "pretrain_epochs", "rounds")


def params_of(preset, folder):
    """The parameters of a preset."""
    compose([f"preset={preset}"], folder / "params.yaml", ROOT / "conf")
    return yaml.safe_load((folder / "params.yaml").read_text())


def write_dataset(given, folder, n):
    """Dataset and splits as the stages write them, from made-up files with the names that the preset wants."""
    tables, parts = [], []
    for seed, (source, entry) in enumerate(given["data"]["sources"].items()):
        name = entry["files"][0].replace("*", "")
        path = made_up_file(folder / source, entry["release"], name, n, seed=seed)
        import_release([path], entry["release"], source, folder / f"{source}.parquet", {})
        tables.append(table_in_memory(source, pq.read_table(folder / f"{source}.parquet")))
    integrate(tables, parts.append, given["data"]["classes"], **given["integrate"])
    write_dataset_and_splits(given, pa.concat_tables(parts), folder)


def write_dataset_of_captures(given, folder):
    """The same from made-up captures, metered with the columns that the preset wants; labels are drawn at random."""
    tables, parts, classes = [], [], given["data"]["classes"]
    verdicts = tuple(Verdict(name, "", "made up") for name in classes)
    for seed, source in enumerate(given["data"]["sources"]):
        captures = []
        for name in ("a", "b"):
            write_capture(folder / f"{name}.pcap", flows=60, seed=10 * seed + ord(name))
            flows = flows_from_capture(
                folder / f"{name}.pcap", given["meter"]["profile"], columns=given["meter"]["columns"]
            )
            codes = np.random.default_rng(seed).integers(0, len(classes), flows.num_rows).astype(np.int32)
            truth = truth_columns(source, CaptureLabels(f"{name}.pcap", name, verdicts, codes))
            captures.append(
                pa.Table.from_arrays(
                    [*flows.columns, *truth.columns], [*flows.column_names, *truth.column_names]
                )
            )
        tables.append(table_in_memory(source, pa.concat_tables(captures)))
    integrate(tables, parts.append, classes, **given["integrate"])
    write_dataset_and_splits(given, pa.concat_tables(parts), folder)


def write_dataset_and_splits(given, dataset, folder):
    """Write the dataset, and its rows as the preset divides them."""
    write_table(dataset, folder / "flows.parquet")
    flows = flows_from_table(dataset, benign=given["data"]["benign"])
    splits = split_flows(flows, SplitParams(**given["split"]))
    for kind, (table, _) in splits.items():
        write_table(table, folder / "splits" / f"{kind}.parquet")


def short(kind, settings):
    """Settings of a kind with as little training as it can have."""
    return replace(settings, **{name: 1 for name in SHORT if hasattr(settings, name)})


@pytest.mark.slow
@pytest.mark.parametrize("preset", WORKS)
def test_every_model_of_a_paper_s_preset_stands_in_the_report_on_its_own_data(preset, tmp_path):
    given, runs = params_of(preset, tmp_path), {}
    if given["meter"]["columns"]:
        write_dataset_of_captures(given, tmp_path)
    else:
        write_dataset(given, tmp_path, RECORDS.get(preset, 240))
    data, splits = given["data"], given["split"]["kinds"]
    for stage, known in (("network", NETWORKS), ("baseline", BASELINES)):
        shared = given[stage] if stage == "network" else {}
        for name in given[stage]["models"]:
            kind, settings = configured(name, given[stage]["settings"], known, shared)
            settings = short(kind, settings)
            inputs = read_inputs(
                tmp_path / "flows.parquet",
                tmp_path / "splits",
                kind,
                "multiclass",
                splits,
                data["classes"],
                data["benign"],
            )
            run = kind.fit_folds(*inputs, settings, seed=1, orders=1, context=RunContext(Memory()))
            configuration = Configuration(stage, "multiclass", name, kind, settings, 1, 1)
            document = run_document(run.results, configuration, data["classes"], data["benign"])
            table = predictions_table(run.results, data["classes"]).drop_columns(["order"])
            runs["multiclass", name] = scored(document, table)
    text = surveyed_markdown(runs, task="multiclass", splits=splits)
    assert WORKS[preset] in text
    assert {name for _, name in runs} >= set(given["network"]["models"])
