"""A user's mistake is one line and exit code 1."""

import tomllib
from pathlib import Path

import pytest

from iotids.plumbing.errors import EXTRAS, in_words, run_plainly
from iotids.plumbing.output_names import BadPathError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a.pcap, packet 3: cut off"),
        KeyError("unknown key `x.y`"),
        FileNotFoundError("a.pcap: not there"),
    ],
)
def test_bad_input_ends_with_its_message(error, capsys):
    code, said = ended_with(error, capsys)
    assert (code, said) in ((1, f"error: {error.args[0]}\n"), (f"error: {error.args[0]}", ""))


def ended_with(error, capsys):
    """Exit code and standard error of a program that raises."""

    def main():
        raise error

    with pytest.raises(SystemExit) as ended:
        run_plainly(main)
    return ended.value.code, capsys.readouterr().err


def test_a_mistake_on_the_command_line_has_the_exit_code_of_one(capsys):
    assert ended_with(BadPathError("x.pcap: no such file"), capsys) == (2, "error: x.pcap: no such file\n")


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (FileNotFoundError(2, "No such file", "/proc/.x.csv.123.part"), "/proc/x.csv: No such file"),
        (FileNotFoundError(2, "No such file", ".x.csv.123.part"), "x.csv: No such file"),
        (OSError(28, "No space left", "/dev/full"), "/dev/full: No space left: the disk is full"),
        (OSError(28, "No space left"), "No space left: the disk is full"),
    ],
)
def test_an_error_of_the_system_names_the_file_that_the_user_named(error, wanted):
    assert in_words(error).startswith(wanted)


def test_a_fault_of_the_program_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_plainly(lambda: 1 // 0)


@pytest.mark.parametrize(("given", "code"), [(None, 0), (0, 0), (3, 3)])
def test_the_exit_code_is_what_main_returns(given, code):
    with pytest.raises(SystemExit) as ended:
        run_plainly(lambda: given)
    assert ended.value.code == code


@pytest.mark.parametrize(("module", "extra"), [("tensorflow", "train"), ("dvc.api", "experiment")])
def test_a_library_that_is_not_installed_comes_with_the_line_that_brings_it(module, extra):
    def main():
        raise ModuleNotFoundError(f"No module named {module!r}", name=module)

    with pytest.raises(SystemExit, match=rf"pip install 'iotids\[{extra}\]'"):
        run_plainly(main)


def test_a_module_of_our_own_that_is_missing_is_a_fault_of_the_program():
    def main():
        raise ModuleNotFoundError("No module named 'iotids.nothing'", name="iotids.nothing")

    with pytest.raises(ModuleNotFoundError):
        run_plainly(main)


def test_every_library_of_an_extra_is_declared_there():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    distributions = {"sklearn": "scikit-learn", "hydra": "hydra-core", "vl_convert": "vl-convert-python"}
    brought = {
        "keras": "tensorflow",
        "dask": "distributed",
        "mkdocs": "mkdocs-material",
        "material": "mkdocs-material",
    }
    for module, extra in EXTRAS.items():
        name = distributions.get(module, brought.get(module, module)).replace("_", "-")
        assert any(line.startswith(name) for line in declared[extra]), module
