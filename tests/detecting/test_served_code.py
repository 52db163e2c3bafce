"""The code that goes with a registered detector is all that judging needs of this project."""

import shutil
import subprocess
import sys
from pathlib import Path

import iotids
from iotids.tracking.registry import LOADER, SERVED_PARTS

PACKAGE = Path(iotids.__file__).parent
OPEN = f"""
import importlib, pkgutil, sys
served = importlib.import_module("{LOADER}")
package = importlib.import_module("iotids.detecting.package.package")
judging = importlib.import_module("iotids.detecting.judging.verdicts")
print(sorted({{m.__file__ for n, m in sys.modules.items() if n.startswith("iotids") and m.__file__}}), sep="\\n")
"""


def test_a_served_detector_imports_nothing_that_does_not_go_with_it(tmp_path: Path) -> None:
    for part in SERVED_PARTS:
        target = tmp_path / "iotids" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (PACKAGE / part).is_dir() else shutil.copy2)(PACKAGE / part, target)
    done = subprocess.run(
        [sys.executable, "-c", OPEN], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert str(PACKAGE) not in done.stdout
