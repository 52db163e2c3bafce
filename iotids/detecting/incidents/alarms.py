"""The alarms of one verdict table, grouped by actor, class and time: one small incident for each group."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from iotids.detecting.incidents.direction import TCP, UDP, reversed_rows, votes_for_initiator
from iotids.detecting.incidents.distinct import Distinct, hash_numbers, hash_texts
from iotids.detecting.incidents.incident import Incident
from iotids.detecting.judging.verdict_words import UNKNOWN, VERDICTS
from iotids.detecting.summary.table_groups import largest_groups, numbered

QUIET_US = 600_000_000  # a longer silence ends an incident
MANY_SOURCES = 20  # hosts that attack one victim and nobody else are one incident with many sources
GROUPS_PER_BATCH = 512  # of one table that are looked at, the largest and the strongest
# fmt: off
NUMBERS = (
    "src_port", "dst_port", "protocol", "packets", "bwd_packets", "syn_flags", "rst_flags", "payload_bytes",
    "duration_us", "first_packet", "last_packet", "flow_number",
)
# fmt: on


@dataclass(frozen=True)
class Alarms:
    """Alarms of a table, one entry each, oriented from actor to victim.

    names : the hosts; actor, victim : (n,) numbers of hosts, actor -1 where many sources are one. labels,
        label : as well. answer : (n,) bool, flows that the victim began. number : (n,) columns of NUMBERS.
    start_us, end_us, score, probability, row : (n,); row is that of the table.
    """

    capture: str
    names: list[str]
    hashes: np.ndarray
    labels: list[str]
    actor: np.ndarray
    source: np.ndarray
    victim: np.ndarray
    label: np.ndarray
    answer: np.ndarray
    verdict: np.ndarray
    number: dict[str, np.ndarray]
    start_us: np.ndarray
    end_us: np.ndarray
    score: np.ndarray
    probability: np.ndarray
    row: np.ndarray


def alarms_of(
    table: pa.Table,
    verdict: np.ndarray,
    *,
    victims_of: Callable[[str], np.ndarray],
    is_actor: Callable[[str], bool],
    has_many_sources: Callable[[str, str], bool],
) -> Alarms:
    """Read and orient the alarms and unknown flows of a verdict table.

    Parameters
    ----------
    verdict : (n,) index in VERDICTS
    victims_of : callable
        Hashes of the victims that a host has in incidents that are open.
    is_actor : callable
        Whether a host is the actor of one.
    has_many_sources : callable
        Whether (victim, label) is one with many sources.
    """
    rows = np.flatnonzero(verdict)
    part = table.select(
        ["src_ip", "dst_ip", "class", "start", "novelty", "attack_log_odds", "attack_probability", *NUMBERS]
    )
    part = part.take(rows)
    both = pa.chunked_array([*part.column("src_ip").chunks, *part.column("dst_ip").chunks])
    hosts, host = numbered(both)
    names, (src, dst) = hosts.to_pylist(), (host[: rows.size], host[rows.size :])
    words, label = numbered(part.column("class"))
    number = {name: part.column(name).to_numpy() for name in NUMBERS}
    votes = votes_for_initiator(
        number["protocol"], number["src_port"], number["dst_port"], number["syn_flags"]
    )
    answer = reversed_rows(src, dst, votes)
    hashes = hash_texts(hosts)
    answer |= _answers_known(src, dst, names, hashes, victims_of, is_actor)
    actor, victim = np.where(answer, dst, src), np.where(answer, src, dst)
    label = _label_of_the_attack(actor, victim, label, answer, len(words))
    unknown = verdict[rows] == UNKNOWN
    score = np.where(unknown, *(part.column(name).to_numpy() for name in ("novelty", "attack_log_odds")))
    probability = part.column("attack_probability").to_numpy()
    start_us = part.column("start").cast(pa.int64()).to_numpy()
    many = _from_many_sources(actor, victim, label, names, words.to_pylist(), has_many_sources)
    return Alarms(
        table.column("capture")[0].as_py(),
        names,
        hashes,
        words.to_pylist(),
        np.where(many, -1, actor),
        actor,
        victim,
        label,
        answer,
        verdict[rows],
        number,
        start_us,
        start_us + np.maximum(number["duration_us"], 0),
        np.where(np.isnan(score), np.inf, score),  # what cannot be computed stands out most
        np.where(np.isnan(probability), 0.5, probability),
        rows,
    )


def grouped(alarms: Alarms, *, keep_members: bool = False) -> Iterator[Incident]:
    """An incident for each (actor, class) or (many sources, victim, class) without a silence in it; its example
    holds the row of the strongest flow only.
    """
    a, n = alarms, len(alarms.names)
    who = np.where(a.actor >= 0, a.actor, n + a.victim)
    key = (who * len(a.labels) + a.label) * len(VERDICTS) + a.verdict
    order = np.lexsort((a.end_us, key))
    cut = np.diff(key[order], prepend=-1) != 0
    cut[1:] |= np.diff(a.end_us[order]) > QUIET_US
    first = np.flatnonzero(cut)
    last = np.append(first[1:], order.size)
    strongest = np.maximum.reduceat(a.score[order], first)
    picked = largest_groups(last - first, strongest, count=GROUPS_PER_BATCH)
    if picked.size:
        yield from _incidents(a, [order[first[g] : last[g]] for g in picked.tolist()], keep_members)


def _incidents(a: Alarms, groups: list[np.ndarray], keep_members: bool) -> Iterator[Incident]:
    """The incidents of groups of alarms, each in order of their end: sums of all groups at once, sets one by one."""
    rows = np.concatenate(groups)
    first = np.cumsum([0, *(group.size for group in groups[:-1])])
    figures: dict[str, list[Any]] = {k: v.tolist() for k, v in _figures(a, rows, first).items()}
    best = _strongest(a.score[rows], first)
    port, has_port = (values[rows] for values in _ports(a))
    only_port = _only(np.where(has_port, port, -1), first).tolist()
    only_victim = _only(a.victim[rows], first).tolist()
    group_of = np.repeat(np.arange(len(groups)), [group.size for group in groups])
    distinct = lambda hashes, there: Distinct.of_groups(hashes[there], group_of[there], len(groups))  # noqa: E731
    every = np.ones(rows.size, bool)
    ports_seen = distinct(hash_numbers(port), has_port)
    victims_seen, sources_seen = (distinct(a.hashes[who[rows]], every) for who in (a.victim, a.source))
    for i, (group, at) in enumerate(zip(groups, best.tolist(), strict=True)):
        one, strongest = group[0], rows[at]
        yield Incident(
            0,
            VERDICTS[a.verdict[one]],
            a.labels[a.label[one]],
            a.names[a.actor[one]] if a.actor[one] >= 0 else "",
            victim=a.names[only_victim[i]] if only_victim[i] >= 0 else "",
            flows=group.size,
            **{name: values[i] for name, values in figures.items()},
            first_capture=a.capture,
            last_capture=a.capture,
            ports=ports_seen[i],
            victims=victims_seen[i],
            sources=sources_seen[i],
            only_port=only_port[i],
            strongest=float(a.score[strongest]),
            example={"row": int(a.row[strongest])},
            members={a.capture: [a.number["flow_number"][group]]} if keep_members else {},
        )


def _figures(a: Alarms, rows: np.ndarray, first: np.ndarray) -> dict[str, np.ndarray]:
    """Counts, sums and limits of each group; `first` is where it begins in rows."""
    number = {name: values[rows] for name, values in a.number.items()}
    answer, tcp = a.answer[rows], number["protocol"] == TCP
    begun = tcp & ~answer & (number["syn_flags"] > 0)
    refused = begun & (number["rst_flags"] > 0) & (number["payload_bytes"] == 0) & (number["bwd_packets"] > 0)
    counted = {
        "answers": answer,
        "attempts": begun,
        "refused": refused,
        "silent": ~answer & (number["bwd_packets"] == 0),
        "tcp": tcp,
        "udp": number["protocol"] == UDP,
        "packets": number["packets"],
    }
    summed = {"payload_bytes": number["payload_bytes"], "probability_sum": a.probability[rows]}
    return {
        **{name: np.add.reduceat(values.astype(np.int64), first) for name, values in counted.items()},
        **{name: np.add.reduceat(values.astype(np.float64), first) for name, values in summed.items()},
        "first_us": np.minimum.reduceat(a.start_us[rows], first),
        "last_us": np.maximum.reduceat(a.end_us[rows], first),
        "first_packet": np.minimum.reduceat(number["first_packet"], first),
        "last_packet": np.maximum.reduceat(number["last_packet"], first),
    }


def _ports(a: Alarms) -> tuple[np.ndarray, np.ndarray]:
    """(n,) the victim's port in each alarm, and whether it has one: of TCP and UDP."""
    protocol = a.number["protocol"]
    return np.where(a.answer, a.number["src_port"], a.number["dst_port"]), (protocol == TCP) | (
        protocol == UDP
    )


def _only(values: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The one value of each group that is not negative; -1 where there are none or several."""
    high = np.maximum.reduceat(values, first)
    low = np.minimum.reduceat(np.where(values < 0, np.iinfo(values.dtype).max, values), first)
    return np.where(low == high, high, -1)


def _strongest(score: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Where in rows the first of the largest scores of each group stands."""
    group = np.repeat(np.arange(first.size), np.diff(np.append(first, score.size)))
    return np.lexsort((np.arange(score.size), -score, group))[first]


def _answers_known(
    src: np.ndarray,
    dst: np.ndarray,
    names: list[str],
    hashes: np.ndarray,
    victims_of: Callable[[str], np.ndarray],
    is_actor: Callable[[str], bool],
) -> np.ndarray:
    """(n,) bool: flows from a victim to its attacker, by the incidents that are open."""
    attackers = np.array([is_actor(name) for name in names], bool)
    maybe = np.flatnonzero(attackers[dst]) if attackers.size else np.zeros(0, np.int64)
    answer = np.zeros(src.size, bool)
    if maybe.size:
        place = hash_numbers(np.arange(len(names)))  # one word for an attacker and a victim
        asked = np.unique(dst[maybe])
        known = [victims_of(names[host]) ^ place[host] for host in asked.tolist()]
        answer[maybe] = np.isin(hashes[src[maybe]] ^ place[dst[maybe]], np.concatenate(known))
    return answer


def _label_of_the_attack(
    actor: np.ndarray, victim: np.ndarray, label: np.ndarray, answer: np.ndarray, n_labels: int
) -> np.ndarray:
    """(n,) labels, those of a victim's answers replaced by the most frequent one of the attack that they answer."""
    if not answer.any():
        return label
    _, pair = np.unique(actor * (int(victim.max()) + 1) + victim, return_inverse=True)
    counts = np.zeros((int(pair.max()) + 1, n_labels), np.int64)
    np.add.at(counts, (pair[~answer], label[~answer]), 1)
    there = counts.sum(axis=1) > 0
    return np.where(answer & there[pair], counts.argmax(axis=1)[pair], label)


def _from_many_sources(
    actor: np.ndarray,
    victim: np.ndarray,
    label: np.ndarray,
    names: list[str],
    words: list[str],
    has_many_sources: Callable[[str, str], bool],
) -> np.ndarray:
    """(n,) bool: alarms of hosts that attack one victim only, where at least 20 do so."""
    act, who = np.unique(actor * len(words) + label, return_inverse=True)
    low, high = np.full(act.size, len(names)), np.zeros(act.size, np.int64)
    np.minimum.at(low, who, victim)
    np.maximum.at(high, who, victim)
    single = low == high
    target = high * len(words) + act % len(words)
    hit, on = np.unique(target, return_inverse=True)
    sources = np.bincount(on, single)
    open_ = np.array([has_many_sources(names[t // len(words)], words[t % len(words)]) for t in hit.tolist()])
    many: np.ndarray = (single & ((sources >= MANY_SOURCES) | open_)[on])[who]
    return many
