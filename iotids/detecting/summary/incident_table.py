"""Incidents on the report page: the highest score first, each with its counts, its reason and where to look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from iotids.detecting.summary.page_table import figure, percent
from iotids.detecting.summary.timeline_svg import timeline_svg
from iotids.writing.html import Html, table

COLUMNS = ["severity", "what", "counted", "flows", "confidence", "when and where"]


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
            f"<p class='soft'>{_captures(recording)}; {recording['flows']:,} flows{_rate(recording)}</p>",
            timeline_svg(recording["timeline"]),
            incident_table(mine, "No flow was called an attack."),
        ]
    return "".join(parts)


def incident_table(incidents: Sequence[Mapping[str, Any]], nothing: str) -> str:
    """Incidents as rows, in the order given."""
    if not incidents:
        return f"<p class='soft'>{nothing}</p>"
    rows = [
        [
            Html(f"<b>{escape(i['severity'])}</b><br><span class='soft'>score {i['score']:.0f}</span>"),
            _what(i),
            _counted(i),
            i["flows"],
            percent(i["confidence"]),
            _place(i),
        ]
        for i in incidents
    ]
    return table(COLUMNS, rows, "tttnnt")


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
    """From when to when, in which capture, and a display filter."""
    packets = f"{incident['first_packet']:,}–{incident['last_packet']:,}"
    return Html(
        f"{escape(incident['first'][:19])} to {escape(incident['last'][11:19])}<br>"
        f"<span class='soft'>{escape(incident['capture'])}, packets {packets}</span>"
        f"<details><summary>Wireshark</summary><code>{escape(incident['wireshark'])}</code></details>"
    )


def _captures(recording: Mapping[str, Any]) -> str:
    """The first names of a recording's captures."""
    shown, n = ", ".join(recording["captures"][:3]), recording["n_captures"]
    return escape(shown) + (f" and {n - 3} more" if n > 3 else "")


def _rate(recording: Mapping[str, Any]) -> str:
    """Alarms a day, where the recording is long enough to say."""
    rate = recording["alarms_per_day"]
    return "" if rate is None else f"; {figure(rate)} alarms a day"
