"""A user's mistake is one line and exit code 1."""

import pytest

from iotids.plumbing.errors import run_plainly


@pytest.mark.parametrize(
    "error",
    [
        ValueError("a.pcap, packet 3: cut off"),
        KeyError("unknown key `x.y`"),
        FileNotFoundError("a.pcap: not there"),
    ],
)
def test_bad_input_ends_with_its_message(error):
    def main():
        raise error

    with pytest.raises(SystemExit, match=f"^error: {error.args[0]}$"):
        run_plainly(main)


def test_a_fault_of_the_program_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError):
        run_plainly(lambda: 1 // 0)


@pytest.mark.parametrize(("given", "code"), [(None, 0), (0, 0), (3, 3)])
def test_the_exit_code_is_what_main_returns(given, code):
    with pytest.raises(SystemExit) as ended:
        run_plainly(lambda: given)
    assert ended.value.code == code
