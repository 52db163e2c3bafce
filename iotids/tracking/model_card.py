"""A detector's model card (Mitchell et al., FAT* 2019) with the metadata that model hubs read: front matter in YAML, then text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from iotids.writing.markdown import markdown_table, number

METRICS = ("accuracy", "balanced_accuracy", "f1_macro", "mcc")


def model_card(manifest: Mapping[str, Any]) -> str:
    """The card as Markdown, from package.json alone; what a package does not say is left out."""
    import yaml

    front = yaml.safe_dump(metadata(manifest), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n".join(_sections(manifest))


def metadata(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """`license`, `library_name`, `pipeline_tag`, `tags`, `datasets`, `metrics` and `model-index`, as hubs name them."""
    results: list[dict[str, Any]] = [
        {
            "task": {"type": "tabular-classification", "name": f"{manifest['task']}, {split} split"},
            "dataset": {"name": manifest.get("data", "unknown"), "type": manifest.get("data", "unknown")},
            "metrics": [
                {"type": name, "value": round(figures[name]["value"], 4)}
                for name in METRICS
                if name in figures
            ],
        }
        for split, figures in manifest.get("cross_validation", {}).items()
    ]
    return {
        "license": "mit",
        "library_name": "onnx",
        "pipeline_tag": "tabular-classification",
        "tags": ["intrusion-detection", "iot", "network-flows", manifest.get("kind", "model")],
        "datasets": [manifest.get("data", "unknown")],
        "metrics": [
            name for name in METRICS if any(name in m["type"] for r in results for m in r["metrics"])
        ],
        "model-index": [{"name": manifest["name"], "results": results}],
    }


def _sections(manifest: Mapping[str, Any]) -> Iterator[str]:
    """Details, use, data, evaluation, limits."""
    yield f"# {manifest['name']}\n"
    yield f"Classes: {', '.join(manifest['classes'])}; {len(manifest['features'])} features of bidirectional flows.\n"
    if doubts := manifest.get("doubts"):
        yield "**Doubts: " + " ".join(doubts) + "**\n"
    yield "## Intended use\n\nVerdicts on flows of IoT networks (`iotids detect`), after `iotids calibrate` on the site; no blocking without a person.\n"
    if training := manifest.get("training"):
        rows = [[name, f"{count:,}"] for name, count in training["flows_per_class"].items()]
        yield f"## Training data\n\n`{manifest.get('data')}`, {training['flows']:,} flows, sha256 `{training['sha256']}`.\n"
        yield markdown_table(["Class", "flows"], rows)
    if found := manifest.get("cross_validation"):
        table = [
            [split, *(number(*_figure(figures, name)) for name in METRICS)]
            for split, figures in found.items()
        ]
        yield "## Evaluation\n\nOut of fold, mean ± standard deviation; pooled for unseen sites.\n"
        yield markdown_table(["Split", *METRICS], table)
    point = manifest["operating_point"]["measured"]
    yield f"Operating point: false alarms {number(point['false_alarm_share'])}, recall {number(point['recall'])}.\n"
    if limits := manifest.get("known_limits"):
        yield "## Limits\n\n" + "\n".join(f"* {limit}" for limit in limits) + "\n"


def _figure(figures: Mapping[str, Any], name: str) -> tuple[float | None, float | None]:
    """Value and spread of a metric; None for what is not there."""
    one = figures.get(name) or {}
    return one.get("value"), one.get("std")
