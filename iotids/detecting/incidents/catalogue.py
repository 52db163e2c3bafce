"""What an attack class means to who must act: how severe it is, and its technique in MITRE ATT&CK."""

from __future__ import annotations

from dataclasses import dataclass

LOW, MEDIUM, HIGH, CRITICAL = 1, 2, 3, 4
SEVERITIES = {LOW: "low", MEDIUM: "medium", HIGH: "high", CRITICAL: "critical"}


@dataclass(frozen=True)
class Technique:
    """Of ATT&CK for Enterprise: number, name and tactic."""

    number: str
    name: str
    tactic: str

    @property
    def address(self) -> str:
        """Where it is described."""
        return f"https://attack.mitre.org/techniques/{self.number}/"


@dataclass(frozen=True)
class Meaning:
    """Severity (1 low to 4 critical), a verb phrase for the actor, and techniques, the likeliest first."""

    severity: int
    does: str
    techniques: tuple[Technique, ...] = ()


SCAN = Technique("T1046", "Network Service Discovery", "Discovery")
FLOOD = Technique("T1498", "Network Denial of Service", "Impact")
BETWEEN = Technique("T1557", "Adversary-in-the-Middle", "Credential Access")
GUESS = Technique("T1110", "Brute Force", "Credential Access")
CONTROL = Technique("T1071", "Application Layer Protocol", "Command and Control")
STEAL = Technique("T1041", "Exfiltration Over C2 Channel", "Exfiltration")

MEANINGS = {
    "SCANNING": Meaning(MEDIUM, "scans", (SCAN,)),
    "SCAN": Meaning(MEDIUM, "scans", (SCAN,)),
    "DOS": Meaning(HIGH, "floods", (FLOOD,)),
    "DDOS": Meaning(HIGH, "floods", (FLOOD,)),
    "MITM": Meaning(HIGH, "stands between", (BETWEEN,)),
    "BRUTE_FORCE": Meaning(HIGH, "guesses passwords of", (GUESS,)),
    "BRUTEFORCE": Meaning(HIGH, "guesses passwords of", (GUESS,)),
    "BOTNET": Meaning(CRITICAL, "acts as a bot towards", (CONTROL, GUESS)),
    "MIRAI": Meaning(CRITICAL, "acts as a bot towards", (GUESS, CONTROL)),
    "EXFILTRATION": Meaning(CRITICAL, "sends data out to", (STEAL,)),
    "UNKNOWN": Meaning(LOW, "is unlike training towards"),
}
ANY_ATTACK = Meaning(MEDIUM, "attacks")


def meaning_of(label: str) -> Meaning:
    """What a class means; classes that are not listed are attacks of medium severity without a technique."""
    return MEANINGS.get(label.upper().replace("-", "_").replace(" ", "_"), ANY_ATTACK)
