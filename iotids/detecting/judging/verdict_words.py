"""The words of a verdict, and the numbers that stand for them while it is computed."""

VERDICTS = ("benign", "attack", "unknown")
BENIGN, ATTACK, UNKNOWN = range(3)
UNKNOWN_CLASS = "UNKNOWN"
UNLIKE, NOT_FINITE = "unlike the training flows", "a feature is not a finite number"
