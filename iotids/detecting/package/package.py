"""A detector on disk: one folder whose package.json says what the model is, wants and can do, with a hash of
every file.

Nothing in a package is executed or unpickled when it is opened: it holds JSON and model graphs, no Python
objects. A package that was changed, is damaged, or was made for other features or another profile of the flow
meter is refused by name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from iotids.detecting.package.contents import ContentError, check_manifest, check_reference
from iotids.flowmeter.columns.context import CONTEXT_NAMES
from iotids.flowmeter.columns.groups import CONTEXT
from iotids.flowmeter.columns.schema import FEATURE_NAMES

FORMAT = 2
MANIFEST = "package.json"
ONNX = "model.onnx"
GRADIENT = "gradient.onnx"
REFERENCE = "reference.json"
NEEDED_FILES = (ONNX, REFERENCE)
NEEDED_KEYS = (
    "format",
    "name",
    "task",
    "classes",
    "benign",
    "features",
    "meter",
    "kind",
    "calibration",
    "operating_point",
    "novelty",
    "training",
    "cross_validation",
    "classes_not_found",
    "doubts",
    "versions",
    "files",
    "manifest_sha256",
)
LARGEST_JSON = 1 << 26  # bytes
REMEDY = "make it again with `dvc repro final`, or name another one with --model"


class PackageError(ValueError):
    """A package that must not be used; the message says why."""

    exit_code = 2  # of a command that is given it


@dataclass(frozen=True)
class Package:
    """An opened package: where it lies, what package.json says, and what training flows looked like
    (reference.json).
    """

    folder: Path
    manifest: dict[str, Any]
    reference: dict[str, Any]

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in the order of the model's outputs."""
        return tuple(self.manifest["classes"])

    @property
    def benign_index(self) -> int:
        """Which output is the class that is no attack."""
        return self.classes.index(self.manifest["benign"])

    @property
    def features(self) -> tuple[str, ...]:
        """Feature names in the order of the model's inputs."""
        return tuple(self.manifest["features"])

    @property
    def profile(self) -> str:
        """Profile of the flow meter that made the training flows."""
        return str(self.manifest["meter"]["profile"])

    @property
    def meter_settings(self) -> dict[str, Any]:
        """Settings with which the flow meter gives what the model wants; context only where it is wanted."""
        settings = dict(self.manifest["meter"])
        return settings | {"columns": (CONTEXT,)} if self.wants_context else settings

    @property
    def wants_context(self) -> bool:
        """Whether the model looks at what a flow's end points did before it ended."""
        return bool(set(self.features) & set(CONTEXT_NAMES))

    @property
    def zero_point_share(self) -> float | None:
        """Of a host's mean log-odds that its flows are measured from (measuring.zero_point)."""
        share = self.manifest.get("zero_point_share")
        return None if share is None else float(share)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What its own held-out flows say against using it; empty for a sound package."""
        return tuple(self.manifest["doubts"])

    @property
    def classes_not_found(self) -> dict[str, str]:
        """Classes that it lists and does not find, with a reason each."""
        return dict(self.manifest["classes_not_found"])

    @property
    def identity(self) -> str:
        """Hash that changes with anything in the package."""
        return str(self.manifest["manifest_sha256"])


def seal_package(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write package.json over the files that lie in the folder: their sizes and hashes, and a hash of the
    manifest itself.

    Parameters
    ----------
    folder : Path
        Holds the model files and reference.json already.
    manifest : mapping
        Everything but `format`, `files` and `manifest_sha256`.

    Returns
    -------
    dict
        The manifest as written.
    """
    files = sorted(
        path
        for path in folder.iterdir()
        if path.is_file() and path.name != MANIFEST and not path.name.startswith(".")
    )
    content = {"format": FORMAT, **manifest, "files": {path.name: _fingerprint(path) for path in files}}
    content = json.loads(json.dumps(content, allow_nan=False))
    content["manifest_sha256"] = _digest_of(content)
    (folder / MANIFEST).write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return content


def open_package(
    folder: str | Path, *, profile: str | None = None, features: Sequence[str] | None = None
) -> Package:
    """Open and check a package.

    Parameters
    ----------
    folder : str or Path
        The package's folder.
    profile : str, optional
        Profile of the flow meter that the caller will use; another one than the package's is refused.
    features : sequence of str, optional
        The features the caller can give, in order; default: every feature of the flow meter, in any order.

    Raises
    ------
    PackageError
        Not a package, of an unknown format, incomplete, changed since it was written, or made for another
        profile or other features.
    """
    folder = Path(folder)
    manifest = _read_manifest(folder)
    _check_files(folder, manifest)
    _check_features(folder, manifest, features)
    if profile is not None and profile != manifest["meter"]["profile"]:
        raise PackageError(
            f"{folder}: trained on flows of the profile {manifest['meter']['profile']!r}, but {profile!r} was asked for; the same feature "
            f"means different things in the two. Leave --profile out, or train on `{profile}` flows (-S meter.profile={profile})"
        )
    reference = _read_json(folder / REFERENCE)
    _check_content(folder / REFERENCE, lambda: check_reference(reference, manifest))
    return Package(folder, manifest, reference)


def _read_manifest(folder: Path) -> dict[str, Any]:
    """package.json, checked for format, keys and its own hash."""
    path = folder / MANIFEST
    if not path.is_file():
        held = (
            ", ".join(sorted(p.name for p in folder.iterdir())[:5]) if folder.is_dir() else "no such folder"
        )
        raise PackageError(
            f"{folder}: not a detector package: it has no {MANIFEST} (there: {held or 'nothing'}); {REMEDY}"
        )
    manifest = _read_json(path)
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        came = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise PackageError(f"{path}: package format {came!r}; this program reads format {FORMAT}; {REMEDY}")
    if missing := [key for key in NEEDED_KEYS if key not in manifest]:
        raise PackageError(f"{path}: lacks {', '.join(missing)}; {REMEDY}")
    if manifest["manifest_sha256"] != _digest_of(manifest):
        raise PackageError(
            f"{path}: changed after it was written (its hash does not fit its content); {REMEDY}"
        )
    _check_content(path, lambda: check_manifest(manifest))
    return manifest


def _read_json(path: Path) -> Any:
    """The content of a JSON file."""
    try:
        if path.stat().st_size > LARGEST_JSON:
            raise PackageError(
                f"{path}: {path.stat().st_size:,} bytes; at most {LARGEST_JSON:,} are read; {REMEDY}"
            )
        return json.loads(path.read_text(encoding="utf-8"))
    except PackageError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise PackageError(f"{path}: damaged, not JSON ({str(error)[:200]}); {REMEDY}") from error


def _check_content(path: Path, check: Callable[[], None]) -> None:
    """Name the file in what a check of its content says."""
    try:
        check()
    except (ContentError, RecursionError) as error:
        raise PackageError(f"{path}: {error}; {REMEDY}") from error


def _check_files(folder: Path, manifest: dict[str, Any]) -> None:
    """Every listed file is there, of the listed size and hash; nothing that is needed is unlisted."""
    if absent := [name for name in NEEDED_FILES if name not in manifest["files"]]:
        raise PackageError(f"{folder}: {MANIFEST} lists no {', '.join(absent)}; {REMEDY}")
    for name, wanted in manifest["files"].items():
        path = folder / name
        if Path(name).name != name or not path.is_file():
            raise PackageError(f"{path}: listed in {MANIFEST} but not there; {REMEDY}")
        size = path.stat().st_size
        found = {"bytes": size, "sha256": ""} if size != wanted["bytes"] else _fingerprint(path)
        if found != {"bytes": wanted["bytes"], "sha256": wanted["sha256"]}:
            raise PackageError(
                f"{path}: damaged or foreign: {found['bytes']} bytes with SHA-256 {found['sha256'][:12]}…, "
                f"{MANIFEST} wants {wanted['bytes']} with {wanted['sha256'][:12]}…; {REMEDY}"
            )


def _check_features(folder: Path, manifest: dict[str, Any], features: Sequence[str] | None) -> None:
    """The features that the model wants are the ones the caller has."""
    wanted = manifest["features"]
    if unknown := [name for name in wanted if name not in (*FEATURE_NAMES, *CONTEXT_NAMES)]:
        raise PackageError(
            f"{folder}: wants the features {', '.join(unknown[:5])}, which this flow meter does not compute; {REMEDY}"
        )
    if features is not None and list(features) != list(wanted):
        first = next(
            (f"position {i}: {w!r}, not {f!r}" for i, (w, f) in enumerate(zip(wanted, features)) if w != f),
            "the number differs",
        )
        raise PackageError(
            f"{folder}: made for {len(wanted)} features in its own order, {len(features)} came ({first}); {REMEDY}"
        )


def _fingerprint(path: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    content = path.read_bytes()
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}


def _digest_of(manifest: Mapping[str, Any]) -> str:
    """Hash of the manifest without the hash itself, independent of layout."""
    content = {key: value for key, value in manifest.items() if key != "manifest_sha256"}
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
