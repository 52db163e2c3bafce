"""The model card of a detector or a network (Mitchell et al., FAT* 2019) with the metadata that model hubs read: front matter in YAML, then text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from iotids.writing.markdown import markdown_table, number

METRICS = ("accuracy", "balanced_accuracy", "f1_macro", "mcc")
DETECTOR_USE = (
    "Verdicts on flows of IoT networks (`iotids detect`), after `iotids calibrate` on the site; no blocking without a "
    "person."
)
NETWORK_USE = (
    "Comparison and inspection of an experiment: trained on the training part of the first fold only, without "
    "threshold and calibration. To judge traffic, take the model `detector-…` of the same registry."
)


def model_card(manifest: Mapping[str, Any]) -> str:
    """The card as Markdown, from package.json alone; what a package does not say is left out."""
    import yaml

    front = yaml.safe_dump(metadata(manifest), sort_keys=False, allow_unicode=True)
    return f"---\n{front}---\n\n" + "\n".join(_sections(manifest))


def text_of_card(card: str) -> str:
    """A card without its front matter, which MLflow's page would show as a list of words before the text."""
    return card.partition("\n---\n")[2].lstrip() if card.startswith("---\n") else card


def network_card(scored: Mapping[str, Any], made_from: Mapping[str, Any]) -> str:
    """The card of a cross-validated network, from its scores and from what they were made of.

    Parameters
    ----------
    scored : content of out/score/runs/<task>-<model>.json
    made_from : content of out/score/made_from.json
    """
    data = made_from["dataset"]
    counted = {"flows": data["flows"], "sha256": data["sha256"], "flows_per_class": data["flows_per_class"]}
    return model_card(
        {
            "name": f"{scored['task']}-{scored['model']}",
            "task": scored["task"],
            "kind": "network",
            "library": "keras",
            "data": data["name"],
            "classes": scored["classes"],
            "features": data["features"],
            "training": counted,
            "cross_validation": {split: part["metrics"] for split, part in scored["splits"].items()},
            "use": NETWORK_USE,
            "doubts": sorted(_never_predicted(scored)),
        }
    )


def _never_predicted(scored: Mapping[str, Any]) -> Iterator[str]:
    """A sentence for each class that folds of a split never predict."""
    for split, part in scored["splits"].items():
        for one in part["unpredicted"]:
            folds = f"{one['folds']} of {one['tested']} folds"
            yield f"{one['class']} is never predicted in {folds} of the {split} split."


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
        "library_name": manifest.get("library", "onnx"),
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
    yield f"## Intended use\n\n{manifest.get('use', DETECTOR_USE)}\n"
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
    if point := manifest.get("operating_point", {}).get("measured"):
        false_alarms, recall = number(point["false_alarm_share"]), number(point["recall"])
        yield f"Operating point: false alarms {false_alarms}, recall {recall}.\n"
    if limits := manifest.get("known_limits"):
        yield "## Limits\n\n" + "\n".join(f"* {limit}" for limit in limits) + "\n"


def _figure(figures: Mapping[str, Any], name: str) -> tuple[float | None, float | None]:
    """Value and spread of a metric; None for what is not there."""
    one = figures.get(name) or {}
    return one.get("value"), one.get("std")
