"""The presets of papers of Section III, from made-up tables in the layout of each release to the report's section:
every model of a preset is read for, fitted on and scored on the splits that the preset names.
"""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

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
from iotids.truth.published.import_release import import_release
from iotids.writing.tables import write_table
from stages.split import Params as SplitParams
from stages.split import split_flows
from tests.learning.given import Memory
from tests.reporting.made_results import scored
from tests.truth.published_rows import made_up_file

ROOT = Path(__file__).resolve().parents[3]
WORKS = {
    "paper14": "[14] Lopez-Martin",
    "paper15": "[15] Thing",
    "paper17": "[17] Moustafa",
    "paper18": "[18] Al-Jarrah",
    "paper19": "[19] Vinayakumar",
}
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
    dataset = pa.concat_tables(parts)
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
    write_dataset(given, tmp_path, 240)
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
