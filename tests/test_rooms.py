"""The walls between rooms stand, and stages start fast."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = {"tensorflow", "keras", "river", "sklearn", "mlflow", "numba"}
CODE = sorted(path for folder in ("iotids", "stages") for path in (ROOT / folder).rglob("*.py"))
SCRIPTS = sorted(path.stem for path in (ROOT / "stages").glob("*.py") if path.stem != "__init__")


MOST_FILES = 14
LARGE_ROOMS = (
    "iotids/flowmeter/kernels",
    "iotids/testbed/protocols",
)  # a file each of many things of one kind
ROOMS = sorted({str(path.parent.relative_to(ROOT)) for path in CODE if path.is_relative_to(ROOT / "iotids")})


@pytest.mark.parametrize("room", [room for room in ROOMS if room not in LARGE_ROOMS])
def test_a_room_shows_no_more_files_than_one_takes_in(room):
    files = [path.name for path in (ROOT / room).glob("*.py") if path.name != "__init__.py"]
    assert len(files) <= MOST_FILES, f"{room} has {len(files)} files: divide it"


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_stage_is_one_small_script(script):
    assert len((ROOT / "stages" / f"{script}.py").read_text().splitlines()) <= 80


def top_level_imports(path):
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def run(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


def test_import_contracts_hold():
    done = run("from importlinter.cli import lint_imports_command; lint_imports_command()")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_file_imports_at_most_one_heavy_library(path):
    assert len((top_level_imports(path) & HEAVY) - {"keras"}) <= 1


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_stage_imports_another_stage(script):
    tree = ast.parse((ROOT / "stages" / f"{script}.py").read_text())
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    assert not imported & {f"stages.{other}" for other in SCRIPTS}


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_stage_answers_help_without_tensorflow(script):
    done = run(f"""
import sys, runpy
sys.argv = ['x', '--help']
try:
    runpy.run_module('stages.{script}', run_name='__main__')
except SystemExit:
    pass
assert not {{'tensorflow', 'mlflow'}} & set(sys.modules)
""")
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


def test_no_work_happens_at_import_of_the_plumbing():
    names = "iotids.plumbing.params, iotids.writing.tables, iotids.tracking.publishing"
    done = run(
        f"import sys, {names}; assert not {{'mlflow', 'tensorflow', 'numba', 'sklearn'}} & set(sys.modules)"
    )
    assert done.returncode == 0, done.stderr


def faces():
    """Rooms of the library with what their face, the docstring of `__init__.py`, names as module.name."""
    for path in sorted((ROOT / "iotids").rglob("__init__.py")):
        text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        yield pytest.param(path.parent, text, id=str(path.parent.relative_to(ROOT)))


@pytest.mark.parametrize(("room", "face"), faces())
def test_a_room_has_a_face_that_names_what_is_there(room, face):
    assert 3 <= len(face.splitlines()) <= 16
    for module, name in re.findall(r"`([a-z_0-9]+)\.([A-Za-z_0-9]+)`", face):
        places = [*room.rglob(f"{module}.py"), room.parent / f"{module}.py"]
        texts = [place.read_text(encoding="utf-8") for place in places if place.is_file()]
        if name != "py":
            assert any(re.search(rf"\b(def|class) {name}\b|^{name}\b", text, re.M) for text in texts), (
                module,
                name,
            )
