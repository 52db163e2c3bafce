"""The report as one HTML page that needs nothing else: no script, no font, no picture from outside; readable in light and dark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from stages.detecting.timeline_svg import timeline_svg

STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --paper: #ffffff; --line: #d0d7de; --card: #f6f8fa;
  --attack: #c0362c; --unknown: #a06a00; --benign: #2f7d4f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --paper: #0d1117; --line: #30363d; --card: #161b22;
  --attack: #ff7b72; --unknown: #e3b341; --benign: #56d364; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 70rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .3rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem }
p.lead { font-size: 1.05rem } .soft { color: var(--soft) }
.cards { display: flex; flex-wrap: wrap; gap: .8rem; margin: 1rem 0 } .card { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .7rem 1rem; min-width: 9rem }
.card b { display: block; font-size: 1.5rem; line-height: 1.3 } .attack { color: var(--attack) } .unknown { color: var(--unknown) } .benign { color: var(--benign) }
table { border-collapse: collapse; width: 100%; font-size: .9rem } th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600; color: var(--soft) } td.n, th.n { text-align: right; font-variant-numeric: tabular-nums } .wide { overflow-x: auto }
code { font: .85em ui-monospace, monospace; background: var(--card); border-radius: 4px; padding: .05rem .25rem; overflow-wrap: anywhere }
.warn { border-left: 4px solid var(--unknown); background: var(--card); padding: .6rem 1rem; margin: 1rem 0 } ul { padding-left: 1.2rem }
svg text { fill: var(--soft); font: 11px system-ui, sans-serif } svg .attack { fill: var(--attack) } svg .unknown { fill: var(--unknown) } svg .benign { fill: var(--benign) } svg line { stroke: var(--line) }
details summary { cursor: pointer; color: var(--soft) }
"""


def report_page(summary: Mapping[str, Any]) -> str:
    """The page for one summary (summary.summarise)."""
    sections = [
        _lead(summary), _cards(summary), _warnings(summary),
        _section("When", timeline_svg(summary["timeline"])),
        _section("Most suspicious", _incidents(summary["attacks"], "No flow was called an attack.")),
        _section("What could not be judged, and why", _not_judged(summary)),
        _section("Hosts", _hosts(summary["hosts"]) + "<h3>By payload</h3>" + _hosts(summary["talkers"])),
        _section("Classes", _table(["class", "flows", "share"], [[c, n, _percent(n / summary["flows"])] for c, n in _ranked(summary["classes"])], "nn")),
        _section("Drift: is this traffic like the benign training traffic?", _drift(summary["drift"])),
        _section("Model card", _model_card(summary)),
        _section("Captures", _captures(summary["captures"])),
    ]  # fmt: skip
    title = f"Traffic report, {summary['first'][:16] if summary['first'] else 'no flows'}"
    return (f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n{''.join(sections)}</body></html>\n")  # fmt: skip


def _lead(summary: Mapping[str, Any]) -> str:
    """Heading and one sentence."""
    verdicts, flows = summary["verdicts"], summary["flows"]
    if flows == 0:
        return "<h1>Traffic report</h1><p class='lead'>The captures hold no flow that can be judged.</p>"
    attack, unknown = verdicts.get("attack", 0), verdicts.get("unknown", 0)
    hosts = sum(1 for host in summary["hosts"] if host.get("attack"))
    found = f"<b class='attack'>{attack:,} of {flows:,} flows look like attacks</b>, started by {hosts} hosts" if attack else f"None of {flows:,} flows looks like an attack"
    rest = f"; {unknown:,} are unlike anything the model was trained on or cannot be judged." if unknown else "."
    return f"<h1>Traffic report</h1><p class='lead'>{found}{rest}</p><p class='soft'>{escape(summary['first'])} to {escape(summary['last'])} UTC</p>"


def _cards(summary: Mapping[str, Any]) -> str:
    """The three counts."""
    flows = max(summary["flows"], 1)
    cards = [f"<div class='card'><b class='{v}'>{summary['verdicts'].get(v, 0):,}</b>{v} <span class='soft'>{_percent(summary['verdicts'].get(v, 0) / flows)}</span></div>"
             for v in ("attack", "unknown", "benign")]  # fmt: skip
    per_day = f"<div class='card'><b>{summary['verdicts'].get('attack', 0) / summary['days']:,.3g}</b>alarms a day, at this rate</div>" if summary["days"] > 0 else ""
    return f"<div class='cards'>{''.join(cards)}{per_day}</div>"


def _warnings(summary: Mapping[str, Any]) -> str:
    """What limits the page: an incomplete run, doubts about the operating point, drift."""
    warnings = []
    if not summary["status"].get("complete", True):
        warnings.append(f"This report is incomplete: {summary['status'].get('why', '')}")
    warnings += summary["operating_point"].get("doubts", [])
    moved = sum(d["reading"] == "moved" for d in summary["drift"])
    if summary["drift"] and moved > len(summary["drift"]) / 3:
        warnings.append(
            f"{moved} of {len(summary['drift'])} features have moved away from benign training traffic: verdicts rest on thin ice until the "
            "operating point is set on your own benign traffic (python -m stages.detect --calibrate)"
        )
    return "".join(f"<div class='warn'>{escape(text)}</div>" for text in warnings)


def _incidents(incidents: Sequence[Mapping[str, Any]], nothing: str) -> str:
    """Alarms of one class by one initiator, the strongest first."""
    if not incidents:
        return f"<p class='soft'>{nothing}</p>"
    rows = [[
        _raw(f"<b>{escape(i['class'])}</b>"), _raw(f"{escape(i['src'])}<br><span class='soft'>→ {escape(i['dst'])}{' and others' if i['flows'] > 1 else ''}</span>"), i["flows"], _probability(i), _raw(_reasons(i)),
        _raw(f"{escape(i['first'][:19])}<br><span class='soft'>{escape(i['capture'])}, packets {i['first_packet']:,}–{i['last_packet']:,}</span>"
             f"<details><summary>Wireshark</summary><code>{escape(i['wireshark'])}</code></details>"),
    ] for i in incidents]  # fmt: skip
    return _table(["class", "initiator → responder", "flows", "attack", "what spoke for it in the strongest flow", "first flow, and where the strongest is"], rows, "ttnntt")


def _reasons(incident: Mapping[str, Any]) -> str:
    """Reasons of the strongest flow as lines."""
    if incident["because"] and not incident["reasons"]:
        return escape(incident["because"])
    sign = "spreads from the nearest known flow" if incident["because"] else "log-odds"
    lines = [f"{escape(r['feature'])} = {_figure(r['value'])} <span class='soft'>(usual {_figure(r['usual'])}; {_figure(r['weight'], plus=True)} {sign})</span>"
             for r in incident["reasons"]]  # fmt: skip
    return "<br>".join(lines)


def _not_judged(summary: Mapping[str, Any]) -> str:
    """Unknown flows by reason and example, and packets that are in no flow."""
    rows = [[why, n, _percent(n / max(summary["flows"], 1))] for why, n in _ranked(summary["unknown_because"])]
    parts = [_table(["flows called unknown", "flows", "share"], rows, "tnn") if rows else "<p class='soft'>Every flow was judged.</p>"]
    if summary["unknown"]:
        parts.append(_incidents(summary["unknown"][:10], ""))
    aside: dict[str, int] = {}
    for ledger in summary["captures"]:
        for reason, n in ledger.get("set_aside", {}).items():
            aside[reason] = aside.get(reason, 0) + n
        if ledger.get("flows_not_written"):
            aside["flows of one packet, which this profile does not write"] = aside.get("flows of one packet, which this profile does not write", 0) + ledger["flows_not_written"]
    packets = sum(ledger.get("packets", 0) for ledger in summary["captures"])
    if aside:
        parts.append(_table([f"of {packets:,} packets, in no judged flow", "packets"], [[k.replace("_", " "), n] for k, n in _ranked(aside)], "tn"))
    return "".join(parts)


def _hosts(hosts: Sequence[Mapping[str, Any]]) -> str:
    """Initiators with their verdicts."""
    keys = ("attack", "unknown", "benign", "flows", "packets", "bytes")
    return _table(["initiator", *keys[:-1], "payload bytes"], [[h["host"], *(h.get(k, 0) for k in keys)] for h in hosts], "t" + "n" * 6)


def _drift(drift: Sequence[Mapping[str, Any]]) -> str:
    """The features that moved most; the rest folded away."""
    if not drift:
        return "<p class='soft'>No flows.</p>"
    rows = [[d["feature"], f"{d['psi']:.2f}", f"{d['ks']:.2f}", d["reading"]] for d in drift]
    columns = ["feature", "PSI", "KS", "reading"]
    moved = sum(d["reading"] == "moved" for d in drift)
    note = f"<p>{moved} of {len(drift)} features moved (PSI of at least 0.25), measured on {drift[0]['flows']:,} flows.</p>"
    return note + _table(columns, rows[:12], "tnnt") + f"<details><summary>all {len(rows)} features</summary>{_table(columns, rows[12:], 'tnnt')}</details>"


def _model_card(summary: Mapping[str, Any]) -> str:
    """Data, protocol, operating point, limits."""
    model, point = summary["model"], summary["operating_point"]
    training, own = model["training"], model["operating_point"]
    classes = ", ".join(f"{escape(c)} {n:,}" for c, n in training["flows_per_class"].items())
    recall = ", ".join(f"{escape(c)} {_percent(r)}" for c, r in own["measured"]["recall_per_class"].items() if r is not None)
    facts = [
        ("Model", f"{escape(model['name'])}, package <code>{model['sha256'][:16]}</code>"),
        ("Trained on", f"data set {escape(str(model.get('data', '')))}: {training['flows']:,} flows ({classes}), profile {escape(model['meter']['profile'])}"),
        ("Cross-validation", _raw_table(model["cross_validation"])),
        ("Operating point", f"attack from probability {_figure(point['attack_probability'])} on (log-odds {_figure(point['log_odds'])}); {escape(point['origin'])}"),
        ("On labelled data", f"protocol {escape(own['protocol'])}: {_percent(own['measured']['false_alarm_share'])} of benign flows alarm; found: {recall}"),
        ("Unknown", f"further from training than {model['novelty']['quantile']:.1%} of held-out flows"),
    ]  # fmt: skip
    lines = "".join(f"<tr><th>{name}</th><td>{text}</td></tr>" for name, text in facts)
    limits = "".join(f"<li>{escape(limit)}</li>" for limit in model.get("known_limits", []))
    return f"<div class='wide'><table>{lines}</table></div><h3>Known limits</h3><ul>{limits}</ul>"


def _raw_table(protocols: Mapping[str, Any]) -> str:
    """Scores of the cross-validation, one row per protocol."""
    names = [name for name in next(iter(protocols.values()), {}) if name != "folds"]
    cell = lambda score: "–" if score is None or score["mean"] is None else f"{score['mean']:.4f}" + (f" ± {score['std']:.4f}" if score["std"] is not None else "")  # noqa: E731
    return _table(["protocol", *names], [[p, *(cell(part.get(n)) for n in names)] for p, part in protocols.items()], "t" + "n" * len(names))


def _captures(captures: Sequence[Mapping[str, Any]]) -> str:
    """What was read."""
    rows = [[c["capture"], c.get("packets", 0), c.get("metered", 0), c.get("flows", 0), c.get("fault") or "read to its end"] for c in captures]
    return _table(["capture", "packets", "metered", "flows", "state"], rows, "tnnnt")


class _raw(str):  # noqa: N801  reads as a function
    """Text that is HTML already."""


def _section(title: str, body: str) -> str:
    """A heading and what is under it."""
    return f"<section><h2>{escape(title)}</h2>{body}</section>\n"


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]], kinds: str) -> str:
    """A table; `kinds` says per column t for text, n for numbers (the last letter holds for the rest)."""
    kind = lambda j: " class='n'" if (kinds[j] if j < len(kinds) else kinds[-1]) == "n" else ""  # noqa: E731
    cell = lambda v: str(v) if isinstance(v, _raw) else f"{v:,}" if isinstance(v, int) else escape(str(v))  # noqa: E731
    head = "".join(f"<th{kind(j)}>{escape(c)}</th>" for j, c in enumerate(columns))
    body = "".join("<tr>" + "".join(f"<td{kind(j)}>{cell(v)}</td>" for j, v in enumerate(row)) + "</tr>" for row in rows)
    return f"<div class='wide'><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def _ranked(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Largest first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _probability(incident: Mapping[str, Any]) -> str:
    """Attack probability, or nothing for a flow without one; never a rounded 100 %."""
    p = incident["attack_probability"]
    return "–" if p is None else "> 99.9 %" if p > 0.999 else _percent(p)


def _percent(share: float | None) -> str:
    """A share with as many digits as it needs."""
    if share is None:
        return "–"
    return "0 %" if share == 0 else f"{share:.3%}".replace("%", " %") if share < 0.01 else f"{share:.1%}".replace("%", " %")


def _figure(value: float | None, *, plus: bool = False) -> str:
    """A number short enough to read."""
    if value is None or value - value != 0.0:
        return "not finite"
    text = f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
    return f"+{text}" if plus and value > 0 else text
