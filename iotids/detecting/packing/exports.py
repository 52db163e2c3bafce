"""The model in other forms, smaller or for other runtimes; one that gives other verdicts than the model itself
is not published.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from iotids.detecting.judging.novelty import balanced_rows
from iotids.detecting.judging.operating_point import decide, log_scores, probabilities
from iotids.detecting.package.package import ONNX
from iotids.detecting.packing.assembly import PackSettings, Training, graph_notes, with_notes
from iotids.learning.contract import ExportForm, Fitted

COMPARED_FLOWS, CALIBRATION_FLOWS = 100_000, 8_000


class ExportRefusedError(ValueError):
    """The ONNX model, without which there is no detector, disagrees with the model itself."""


def write_exports(
    folder: Path,
    kind: str,
    fitted: Fitted,
    training: Training,
    manifest: Mapping[str, Any],
    settings: PackSettings,
    *,
    smallest: float,
) -> dict[str, Any]:
    """Write every export into the package folder, compare it with the model itself, remove it again when it
    disagrees.

    Parameters
    ----------
    folder : Path
        Holds the ONNX model already; it is always compared.
    kind : str
        What the model's kind is called.
    settings : PackSettings
        `exports` are names of forms, `agreement` is the smallest share of equal verdicts.
    smallest : float
        Share that stands for 0 (packing.smallest_share).

    Returns
    -------
    dict
        Per form: published, and `why` where it is not; of those that were tried also file, bytes, agreement,
        largest_probability_difference, flows, needs.

    Raises
    ------
    ExportRefusedError
        The ONNX model itself disagrees.
    ValueError
        A form that the kind does not know, where it has forms at all.
    """
    from iotids.learning.runs.onnx_model import OnnxModel

    forms = fitted.export_forms()
    if forms and (unknown := sorted(set(settings.exports) - {"onnx", *forms})):
        raise ValueError(f"final.exports: unknown {', '.join(unknown)}; known are onnx, {', '.join(forms)}")
    shown, X = _calibration_and_compared(training, settings.seed)
    expected = log_scores(fitted.scores(X), smallest)
    found = OnnxModel((folder / ONNX).read_bytes()).logits(X)
    report = {"onnx": _result(folder / ONNX, expected, found, manifest, settings.agreement)}
    if not report["onnx"]["published"]:
        why = report["onnx"]["why"]
        raise ExportRefusedError(
            f"{folder.name}: the ONNX model gives other verdicts than the model itself: {why}"
        )
    for name in dict.fromkeys(settings.exports):
        if name in forms:
            report[name] = _write_form(folder, forms[name], shown, X, expected, manifest, settings)
        elif name != "onnx":
            report[name] = {"published": False, "why": f"models of the kind {kind} have no such form"}
    return report


def _write_form(
    folder: Path,
    form: ExportForm,
    shown: np.ndarray,
    X: np.ndarray,
    expected: np.ndarray,
    manifest: Mapping[str, Any],
    settings: PackSettings,
) -> dict[str, Any]:
    """Write one form and compare it; a refused one is removed again."""
    path, content = folder / form.file, form.write(shown)
    path.write_bytes(with_notes(content, graph_notes(manifest)) if path.suffix == ".onnx" else content)
    result = _result(path, expected, form.logits(path, X), manifest, settings.agreement)
    if not result["published"]:
        path.unlink()
    return result | ({"needs": dict(form.needs)} if form.needs else {})


def _result(
    path: Path, expected: np.ndarray, found: np.ndarray, manifest: Mapping[str, Any], agreement: float
) -> dict[str, Any]:
    """What the report says of one file."""
    result: dict[str, Any] = {"file": path.name, "bytes": path.stat().st_size}
    result |= compare(expected, found, manifest)
    result["published"] = result["agreement"] >= agreement
    if not result["published"]:
        result["why"] = (
            f"{result['agreement']:.4%} of the verdicts are the model's own; {agreement:.4%} are required"
        )
    return result


def _calibration_and_compared(training: Training, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of two disjoint samples: one to calibrate integer forms, one to evaluate all forms."""
    order = np.random.default_rng(seed).permutation(len(training.X))
    parts = order[: len(order) // 4], order[len(order) // 4 :]
    counts = (CALIBRATION_FLOWS, COMPARED_FLOWS)
    shown, compared = (
        training.X[part[balanced_rows(training.truth[part], n, seed)]]
        for part, n in zip(parts, counts, strict=True)
    )
    return shown, compared


def compare(expected: np.ndarray, found: np.ndarray, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Share of equal verdicts and largest difference of a calibrated probability between two sets of logits."""
    temperature, benign = (
        manifest["calibration"]["temperature"],
        list(manifest["classes"]).index(manifest["benign"]),
    )
    settings = {
        "temperature": temperature,
        "benign_index": benign,
        "threshold": manifest["operating_point"]["log_odds"],
    }
    same = decide(expected, **settings)[0] == decide(found, **settings)[0]
    difference = np.abs(probabilities(expected, temperature) - probabilities(found, temperature))
    return {
        "agreement": float(same.mean()),
        "largest_probability_difference": float(difference.max()),
        "flows": int(same.size),
    }
