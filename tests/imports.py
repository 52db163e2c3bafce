"""Which project files a script reaches: by its imports, and data files named beside the code. Nothing is
executed.
"""

from __future__ import annotations

import ast
from pathlib import Path


def reached_files(script: Path, root: Path) -> set[Path]:
    """Every file of ours that `script` imports, directly or not, itself included; paths relative to `root`."""
    todo, seen = [script], set()
    while todo:
        path = todo.pop()
        if path in seen:
            continue
        seen.add(path)
        todo += [found for name in _imported_names(path) for found in _files_of(name, root)]
    return {path.relative_to(root) for path in seen | _data_files(seen)}


def _data_files(scripts: set[Path]) -> set[Path]:
    """Data files in the folders of some scripts that any of them names in a string."""
    nodes = [node for path in scripts for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    names = {
        Path(node.value).name
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 100
    }
    files = {file for folder in {path.parent for path in scripts} for file in folder.iterdir()}
    return {file for file in files if file.name in names and file.suffix in (".yaml", ".json", ".csv")}


def _imported_names(path: Path) -> set[str]:
    """Dotted names of ours that a file imports, functions' own imports included."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in names if name.split(".")[0] in ("stages", "iotids")}


def _files_of(name: str, root: Path) -> list[Path]:
    """The module file of a dotted name; none for a package or a name inside a module."""
    path = root.joinpath(*name.split(".")).with_suffix(".py")
    return [path] if path.is_file() else []
