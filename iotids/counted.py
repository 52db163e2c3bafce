"""A count with its noun: 1 flow, 1,200 flows, 2 more captures."""


def counted(n: int, noun: str) -> str:
    """`n` with separators and `noun`, given in the singular, as `n` wants it."""
    return f"{n:,} {noun if n == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    """The plural of a noun that ends as those of this project do."""
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    return f"{noun[:-1]}ies" if noun.endswith("y") and noun[-2:-1] not in "aeiou" else f"{noun}s"
