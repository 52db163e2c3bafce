"""What the stage `final` says of a package that it has made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

DOUBTFUL = 3  # exit code: the package is written, and something speaks against it


def sentences_about(folder: Path, manifest: Mapping[str, Any]) -> Iterator[str]:
    """One line per export, on the whole, per class that is not found, and per doubt."""
    for name, export in manifest["exports"].items():
        yield describe_export(name, export)
    flows, temperature = manifest["training"]["flows"], manifest["calibration"]["temperature"]
    yield f"{folder}: {manifest['kind']}, {flows:,} flows, temperature {temperature:.3f}"
    for name, why in manifest["classes_not_found"].items():
        yield f"{folder}: does not find {name}: {why}"
    for doubt in manifest["doubts"]:
        yield f"{folder}: DOUBT: {doubt}"


def describe_export(name: str, export: Mapping[str, Any]) -> str:
    """One export in words."""
    if "agreement" not in export:
        return f"{name}: not made, {export['why']}"
    agreement = f"{export['agreement']:.3%} equal verdicts"
    difference = f"largest difference {export['largest_probability_difference']:.1e}"
    refused = "" if export["published"] else f": REFUSED, {export['why']}"
    return f"{name}: {export['bytes']:,} bytes, {agreement}, {difference}{refused}"
