"""The report as one HTML page that needs nothing else: no script, no font, no picture from outside; readable
in light and dark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from iotids.counted import counted
from iotids.detecting.judging.drift import FEWEST
from iotids.detecting.judging.fitness import DOUBTFUL, UNFIT
from iotids.detecting.package.model_card import abstention_html, model_card_html
from iotids.detecting.summary.incident_table import incident_table, incidents_by_recording
from iotids.detecting.summary.page_table import SHORTEST_DAYS, figure, percent, ranked
from iotids.detecting.summary.timeline_svg import timeline_svg
from iotids.writing import html
from iotids.writing.html import table

NOTABLE_SHARE = 0.05  # of packets or flows without a verdict: a warning, not a remark


def report_page(summary: Mapping[str, Any]) -> str:
    """The page for one summary (summary.summarise)."""
    flows = max(summary["flows"], 1)
    classes = [[name, n, percent(n / flows)] for name, n in ranked(summary["classes"])]
    sections = [
        "<h1>Traffic report</h1>",
        _doubts(summary),
        _lead(summary),
        _cards(summary),
        _warnings(summary),
        _section("Incidents", _listed(summary) + incidents_by_recording(summary)),
        *([_section("When", timeline_svg(summary["timeline"]))] if len(summary["recordings"]) < 2 else []),
        _section("What could not be judged, and why", _not_judged(summary)),
        _section(
            "Hosts",
            _hosts(summary["hosts"]) + "<h3>Top talkers, by payload</h3>" + _hosts(summary["talkers"]),
        ),
        _section("Classes", table(["class", "flows", "share"], classes, "tn")),
        _section(
            "Drift: is this traffic like the benign training traffic?",
            _fitness(summary) + _drift(summary["drift"]),
        ),
        _section("Model card", model_card_html(summary["model"], summary["operating_point"])),
        _section("Captures", _captures(summary["captures"])),
    ]
    title = f"Traffic report, {summary['first'][:16] if summary['first'] else 'no flows'}"
    return html.page(title, "".join(sections))


def _doubts(summary: Mapping[str, Any]) -> str:
    """What speaks against the model itself, and the classes that it does not find."""
    model = summary["model"]
    texts = [f"Do not rely on this model: {doubt}" for doubt in model["doubts"]]
    texts += [f"This model does not find {name}: {why}" for name, why in model["classes_not_found"].items()]
    return _warning_boxes(texts)


def _lead(summary: Mapping[str, Any]) -> str:
    """What was found and what was not judged, in two sentences."""
    verdicts, flows = summary["verdicts"], summary["flows"]
    left = escape(summary["not_judged"]["in_words"])
    if flows == 0:
        return f"<p class='lead'>The captures hold no flow that can be judged; {left}.</p>"
    attack, unknown = verdicts.get("attack", 0), verdicts.get("unknown", 0)
    found = f"None of {counted(flows, 'judged flow')} looks like an attack"
    if attack:
        first = summary["attacks"][0]
        found = (
            f"<b class='attack'>{escape(summary['incidents_in_words'])}</b>, the highest: {escape(first['headline'])} "
            f"({attack:,} of {counted(flows, 'judged flow')} called attacks)"
        )
    rest = (
        f"; {unknown:,} unknown: undecided, unlike anything the model was trained on, or impossible to judge."
        if unknown
        else "."
    )
    when = f"<p class='soft'>{escape(summary['first'])} to {escape(summary['last'])} UTC</p>"
    strong = (
        summary["not_judged"]["packet_share"] >= NOTABLE_SHARE
        or summary["not_judged"]["flow_share"] >= NOTABLE_SHARE
    )
    gap = f"<p class='{'warn' if strong else 'soft'}'>{left[0].upper()}{left[1:]}.</p>"
    return f"<p class='lead'>{found}{rest}</p>{gap}{when}"


def _listed(summary: Mapping[str, Any]) -> str:
    """How many of the incidents stand on the page, where not all do."""
    n, shown = summary["incidents"], len(summary["attacks"])
    if n == shown:
        return ""
    return f"<p class='soft'>The {shown} highest of {n:,}; --incidents, --ecs and --eve write all that are not weak.</p>"


def _cards(summary: Mapping[str, Any]) -> str:
    """The three counts, and alarms a day."""
    flows, verdicts = max(summary["flows"], 1), summary["verdicts"]
    cards = [
        f"<div class='card'><b class='{v}'>{verdicts.get(v, 0):,}</b>{v} "
        f"<span class='soft'>{percent(verdicts.get(v, 0) / flows)}</span></div>"
        for v in ("attack", "unknown", "benign")
    ]
    if summary["days"] >= SHORTEST_DAYS:
        cards.append(
            f"<div class='card'><b>{figure(verdicts.get('attack', 0) / summary['days'])}</b>alarms a day, at this rate</div>"
        )
    return f"<div class='cards'>{''.join(cards)}</div>"


def _warnings(summary: Mapping[str, Any]) -> str:
    """What limits the page: an incomplete run, doubts about the operating point, and about the model for this traffic."""
    warnings = []
    if not summary["status"].get("complete", True):
        warnings.append(f"This report is incomplete: {summary['status'].get('why', '')}")
    warnings += summary["operating_point"].get("doubts", [])
    warnings += summary["view"]
    fitness = summary["fitness"]
    if fitness["verdict"] in (DOUBTFUL, UNFIT):
        advice = "calibrate on your own benign traffic (iotids calibrate), or take a model that fits"
        words = str(fitness["in_words"])
        warnings.append(f"{words[0].upper()}{words[1:]}: {advice}.")
    return _warning_boxes(warnings)


def _warning_boxes(texts: Sequence[str]) -> str:
    """A box for each."""
    return "".join(f"<div class='warn'>{escape(text)}</div>" for text in texts)


def _not_judged(summary: Mapping[str, Any]) -> str:
    """Unknown flows by reason and example, and packets that are in no flow."""
    rows = [[why, n, percent(n / max(summary["flows"], 1))] for why, n in ranked(summary["unknown_because"])]
    parts = [
        table(["flows called unknown", "flows", "share"], rows, "tnn")
        if rows
        else "<p class='soft'>Every flow was judged.</p>"
    ]
    if summary["abstained"]:
        parts.append(
            f"<p>Flows abstained from: {summary['abstained']:,}: {abstention_html(summary['model'])}.</p>"
        )
    if summary["unknown"]:
        parts.append(incident_table(summary["unknown"][:10], ""))
    left = summary["not_judged"]
    rows = [[reason, n, percent(n / max(left["of_packets"], 1))] for reason, n in ranked(left["reasons"])]
    return "".join(parts) + (
        table([f"of {counted(left['of_packets'], 'packet')}, not judged", "packets", "share"], rows, "tnn")
        if rows
        else ""
    )


def _hosts(hosts: Sequence[Mapping[str, Any]]) -> str:
    """Initiators with their verdicts."""
    keys = ("attack", "unknown", "benign", "flows", "packets", "bytes")
    return table(
        ["initiator", *keys[:-1], "payload bytes"],
        [[h["host"], *(h.get(k, 0) for k in keys)] for h in hosts],
        "tn",
    )


def _fitness(summary: Mapping[str, Any]) -> str:
    """The verdict on the model for this traffic."""
    words = escape(summary["fitness"]["in_words"])
    return f"<p>{words[0].upper()}{words[1:]}.</p>"


def _drift(drift: Sequence[Mapping[str, Any]]) -> str:
    """The features that moved most; the rest folded away."""
    if not drift:
        return "<p class='soft'>No flows.</p>"
    if (n := drift[0]["flows"]) < FEWEST:
        return f"<p class='soft'>Flows that are not called attacks: {n:,}. To say that a feature moved takes {FEWEST}.</p>"
    rows = [[d["feature"], f"{d['psi']:.2f}", f"{d['ks']:.2f}", d["reading"]] for d in drift]
    columns, moved = ["feature", "PSI", "KS", "reading"], sum(d["reading"] == "moved" for d in drift)
    note = f"<p>{moved} of {len(drift)} features moved (PSI of at least 0.25), measured on {counted(n, 'flow')} not called attacks.</p>"
    rest = f"<details><summary>the other {counted(len(rows) - 12, 'feature')}</summary>{table(columns, rows[12:], 'tnnt')}</details>"
    return note + table(columns, rows[:12], "tnnt") + (rest if len(rows) > 12 else "")


def _captures(captures: Sequence[Mapping[str, Any]]) -> str:
    """What was read."""
    rows = [
        [c["capture"], c["packets"], c["metered"], c["flows"], c["fault"] or "read to its end"]
        for c in captures
    ]
    return table(["capture", "packets", "metered", "flows", "state"], rows, "tnnnt")


def _section(title: str, body: str) -> str:
    """A heading and what is under it."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>\n"
