"""Incidents on the report page: the highest score first, each with its counts, its reason and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from iotids.counted import counted
from iotids.detecting.incidents.in_words import names_in_words
from iotids.detecting.incidents.incident import MOST_CAPTURES
from iotids.detecting.summary.page_table import figure, percent
from iotids.detecting.summary.timeline_svg import timeline_svg
from iotids.writing.html import Html, table

COLUMNS = ["incident", "what", "counted", "flows", "confidence", "when and where"]


def incidents_by_recording(summary: Mapping[str, Any]) -> str:
    """A table for each recording that has incidents, with its time and its rate of alarms."""
    recordings, incidents = summary["recordings"], summary["attacks"]
    if len(recordings) < 2:
        return incident_table(incidents, "No flow was called an attack.")
    parts = []
    for recording in recordings:
        mine = [i for i in incidents if recording["first_us"] <= i["first_us"] <= recording["last_us"]]
        parts += [
            f"<h3>{escape(recording['first'][:16])} to {escape(recording['last'][:16])}</h3>",
            f"<p class='soft'>{_captures(recording)}; {counted(recording['flows'], 'flow')}{_rate(recording)}</p>",
            timeline_svg(recording["timeline"]),
            incident_table(mine, _none_here(recording)),
        ]
    return "".join(parts)


def _none_here(recording: Mapping[str, Any]) -> str:
    """What stands in place of a recording's table; its alarms may be of incidents that the page does not list."""
    n = recording["attacks"]
    where = "in incidents with lower scores than those listed, or that began in another recording"
    return f"{counted(n, 'flow')} called attacks, {where}." if n else "No flow was called an attack."


def incident_table(incidents: Sequence[Mapping[str, Any]], nothing: str) -> str:
    """Incidents as rows, in the order given."""
    if not incidents:
        return f"<p class='soft'>{nothing}</p>"
    rows = [
        [
            _named(i),
            _what(i),
            _counted(i),
            i["flows"],
            percent(i["confidence"]),
            _place(i),
        ]
        for i in incidents
    ]
    return table(COLUMNS, rows, "tttnnt")


def _named(incident: Mapping[str, Any]) -> Html:
    """Its number in this run, severity and score; what a link into the page jumps to is its id."""
    weak = ", weak" if incident["weak"] else ""
    return Html(
        f"<b id='{incident['id']}'>{incident['number']:,}</b> {escape(incident['severity'])}"
        f"<br><span class='soft'>score {incident['score']:.0f}{weak}</span>"
    )


def _what(incident: Mapping[str, Any]) -> Html:
    """Class, actor, victim, technique."""
    techniques = ", ".join(incident["techniques"])
    return Html(
        f"<b>{escape(incident['class'])}</b> {escape(techniques)}<br>{escape(incident['src'])}"
        f"<br><span class='soft'>→ {escape(incident['dst'])}</span>"
    )


def _counted(incident: Mapping[str, Any]) -> Html:
    """The reason, and what spoke for it in the strongest flow, folded away."""
    text = escape(f"{incident['headline']}: {incident['reason']}.")
    lines = _flow_reasons(incident)
    more = f"<details><summary>strongest flow</summary>{lines}</details>" if lines else ""
    return Html(text + more)


def _flow_reasons(incident: Mapping[str, Any]) -> str:
    """Reasons of the strongest flow as lines."""
    if incident["because"] and not incident["reasons"]:
        return escape(incident["because"])
    unit = "spreads from the nearest known flow" if incident["because"] else "log-odds"
    return "<br>".join(
        f"{escape(r['feature'])} = {figure(r['value'])} "
        f"<span class='soft'>(usual {figure(r['usual'])}; {figure(r['weight'], plus=True)} {unit})</span>"
        for r in incident["reasons"]
    )


def _place(incident: Mapping[str, Any]) -> Html:
    """From when to when, in which captures, a display filter, and the id that its records have."""
    first, last = incident["first"][:19], incident["last"][:19]
    return Html(
        f"{escape(first)} to {escape(last[11:] if last[:10] == first[:10] else last)}<br>"
        f"<span class='soft'>{escape(_packets(incident))}</span>"
        f"<details><summary>Wireshark, id</summary><code>{escape(incident['wireshark'])}</code>"
        f"<br>id <code>{incident['id']}</code></details>"
    )


def _packets(incident: Mapping[str, Any]) -> str:
    """From which packet to which, in which captures."""
    captures, first, last = incident["captures"], incident["first_packet"], incident["last_packet"]
    if len(captures) < 2:
        return f"{incident['capture']}, packets {first:,}–{last:,}"
    ends = f"from packet {first:,} of {incident['capture']} to packet {last:,} of {incident['last_capture']}"
    many = ("at least " if len(captures) == MOST_CAPTURES else "") + counted(len(captures), "capture")
    return f"{many}: {names_in_words(captures, len(captures))}; {ends}"


def _captures(recording: Mapping[str, Any]) -> str:
    """The first names of a recording's captures."""
    return escape(names_in_words(recording["captures"], recording["n_captures"]))


def _rate(recording: Mapping[str, Any]) -> str:
    """Alarms a day, where the recording is long enough to say."""
    rate = recording["alarms_per_day"]
    return "" if rate is None else f"; {figure(rate)} alarms a day"
