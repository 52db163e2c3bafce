"""Numbers of bytes as a person writes them on a command line."""

import argparse


def number_of_bytes(text: str) -> int:
    """A number of bytes: 5000000000, 5e9, 5,000,000,000.

    Raises
    ------
    argparse.ArgumentTypeError
        No number, or a negative one.
    """
    try:
        size = float(text.replace(",", ""))
    except ValueError:
        size = -1.0
    if not 0 <= size < 1 << 62:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no number of bytes; give one such as 5e9, or 0 for any amount"
        )
    return int(size)
