"""The words of a verdict, and the numbers that stand for them while it is computed."""

VERDICTS = ("benign", "attack", "unknown")
BENIGN, ATTACK, UNKNOWN = range(3)
UNKNOWN_CLASS = "UNKNOWN"
UNKNOWN_BECAUSE = (
    "",
    "unlike the training flows",
    "a feature is not a finite number",
    "no class is possible",
    "undecided between benign and attack",
)
STANDS, UNLIKE, NOT_FINITE, NOTHING_FITS, SEVERAL_FIT = range(len(UNKNOWN_BECAUSE))
ABSTAINED = (UNKNOWN_BECAUSE[NOTHING_FITS], UNKNOWN_BECAUSE[SEVERAL_FIT])
