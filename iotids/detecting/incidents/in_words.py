"""An incident in plain words, with counts that are those of its flows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from iotids.counted import counted
from iotids.detecting.incidents.catalogue import meaning_of
from iotids.detecting.incidents.distinct import Distinct
from iotids.detecting.incidents.incident import SMALLEST_SCORE, Incident

MANY_TARGETS = 5  # a minute: fewer are not worth a comparison
NAMED = 3  # captures of an incident or a recording


def headline(incident: Incident) -> str:
    """Who does what to whom."""
    does = meaning_of(incident.label).does
    return f"{actor_text(incident)} {does if incident.actor else _of_many(does)} {target_text(incident)}"


def count_in_words(attacks: Iterable[Incident], *, left_out: int = 0) -> str:
    """How many incidents there are, the weak ones named; `left_out` of the weakest are not among them."""
    notable = [i.is_notable for i in attacks]
    n, weak = sum(notable), len(notable) - sum(notable)
    text = counted(n, "incident") if n or not weak else counted(weak, "weak incident")
    if n and weak:
        text += f" and {counted(weak, 'weak one')}"
    return ("at least " if left_out else "") + text + (f" (score below {SMALLEST_SCORE:g})" if weak else "")


def names_in_words(names: Sequence[str], n: int) -> str:
    """The first of `n` names, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {n - NAMED:,} more" if n > NAMED else "")


def actor_text(incident: Incident) -> str:
    """The actor's address, or how many sources there are."""
    return incident.actor or count_text(incident.sources, "source")


def target_text(incident: Incident) -> str:
    """The victim's address or how many there are, with the port or how many there are."""
    hosts = incident.victim or count_text(incident.victims, "host")
    if incident.only_port >= 0:
        return f"{hosts} on port {incident.only_port}"
    return f"{hosts} on {count_text(incident.ports, 'port')}" if len(incident.ports) else hosts


def reason(incident: Incident) -> str:
    """What was counted, in one sentence: flows or connection attempts, targets, time, how they ended, and what
    is usual here.
    """
    i, sent = incident, incident.flows - incident.answers
    parts = [f"{_what(i)} to {target_text(i)} in {span_text(i.seconds)}"]
    if not i.actor:
        parts[0] = f"{count_text(i.sources, 'source')}: {parts[0]}"
    if i.attempts and i.refused:
        parts.append(f"{share_text(i.refused / i.attempts)} refused")
    if sent and i.silent:
        parts.append(f"{share_text(i.silent / sent)} unanswered")
    if i.answers:
        parts.append(f"{counted(i.answers, 'answer')} of the victim counted with them")
    text = ", ".join(parts)
    if len(i.classes) > 1:
        text += f"; by class: {', '.join(f'{flows:,} {label}' for label, flows in ranked_classes(i).items())}"
    minutes, spread = max(1.0, i.seconds / 60), max(len(i.ports), len(i.victims))
    if i.usual is not None and spread / minutes > max(i.usual, MANY_TARGETS):
        text += f"; usual here: at most {counted(i.usual, 'target')} a minute"
    return text


def ranked_classes(incident: Incident) -> dict[str, int]:
    """Flows of each class, the most frequent first."""
    return dict(sorted(incident.classes.items(), key=lambda item: (-item[1], item[0])))


def span_text(seconds: float) -> str:
    """A length of time with two or three digits."""
    if seconds < 0.001:
        return "less than a millisecond"
    if seconds < 1:
        return f"{1000 * seconds:.0f} ms"
    for unit, size in (("days", 86_400), ("h", 3_600), ("min", 120)):
        if seconds >= size:
            return f"{seconds / (60 if unit == 'min' else size):.3g} {unit}"
    return f"{seconds:.3g} s"


def count_text(counter: Distinct, noun: str) -> str:
    """How many of a thing, with `about` where it is an estimate."""
    if counter.is_estimate:
        return f"about {counted(int(float(f'{len(counter):.2g}')), noun)}"
    return counted(len(counter), noun)


def share_text(share: float) -> str:
    """A share that never rounds something to nothing or to all."""
    text = f"{100 * share:.0f} %"
    return "< 1 %" if text == "0 %" and share > 0 else "> 99 %" if text == "100 %" and share < 1 else text


def _of_many(does: str) -> str:
    """The verb phrase for several actors."""
    verb, *rest = does.split(" ")
    return " ".join(["are" if verb == "is" else verb.removesuffix("s"), *rest])


def _what(i: Incident) -> str:
    """The flows of the actor by kind."""
    sent = i.flows - i.answers
    if i.attempts == sent and sent:
        noun = "connection attempt"
    else:
        noun = "TCP flow" if i.tcp == i.flows else "UDP flow" if i.udp == i.flows else "flow"
    packets = f" ({i.packets:,} packets)" if i.packets > 20 * i.flows else ""
    return f"{counted(sent or i.flows, noun)}{packets}"
