"""The scorecard as JSON with a schema, as one page of HTML, as Markdown and as a citation."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

from iotids.auditing.scorecard.audit import Card
from iotids.auditing.scorecard.finding import (
    CLEAR,
    MATERIAL_POINTS,
    NOT_APPLICABLE,
    NOTED,
    RED,
    RULE,
    Finding,
)
from iotids.counted import counted
from iotids.writing import html
from iotids.writing.html import text_with_code
from iotids.writing.markdown import markdown_table
from iotids.writing.tables import write_json, write_text

SCHEMA_VERSION = "1.1"
ORDER = (RED, NOTED, CLEAR, NOT_APPLICABLE)
COLOUR = {RED: "attack", NOTED: "unknown", CLEAR: "benign", NOT_APPLICABLE: "soft"}
WORTH = {
    "type": "object",
    "required": ["intervention", "before", "after", "points", "low", "high", "repeats", "material"],
    "properties": {
        "intervention": {"type": "string"},
        **{name: {"type": "number"} for name in ("before", "after", "points", "low", "high")},
        "repeats": {"type": "integer", "minimum": 1},
        "material": {"type": "boolean"},
    },
}
# fmt: off
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "iotids scorecard of a labelled flow table",
    "type": "object",
    "required": ["schema_version", "table", "sha256", "rows", "sampled", "classes", "macro_f", "material_points", "rule", "verdict", "findings", "tool"],
    "properties": {
        "schema_version": {"const": SCHEMA_VERSION},
        "table": {"type": "string"},
        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "rows": {"type": "integer", "minimum": 1},
        "sampled": {"type": "integer", "minimum": 1},
        "classes": {"type": "object", "additionalProperties": {"type": "integer"}},
        "macro_f": {"type": "object", "required": ["mean", "sd"]},
        "material_points": {"type": "number"},
        "rule": {"const": RULE},
        "verdict": {"type": "string"},
        "doubts": {"type": "array", "items": {"type": "string"}},
        "tool": {"type": "string"},
        "findings": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["check", "status", "said", "worth", "details"],
                "properties": {
                    "check": {"type": "string"},
                    "status": {"enum": list(ORDER)},
                    "said": {"type": "string"},
                    "worth": {"type": "array", "items": WORTH},
                    "details": {"type": "object"},
                },
            },
        },
    },
}
# fmt: on


def card_document(card: Card, version: str) -> dict[str, Any]:
    """The card as plain values, as SCHEMA says."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": f"iotids {version}",
        "table": card.name,
        "sha256": card.sha256,
        "rows": card.rows,
        "sampled": card.sampled,
        "classes": card.classes,
        "macro_f": {"mean": card.macro_f[0], "sd": card.macro_f[1]},
        "material_points": MATERIAL_POINTS,
        "rule": RULE,
        "verdict": card.verdict,
        "doubts": list(card.doubts),
        "seconds": round(card.seconds, 1),
        "findings": [
            {
                "check": one.check,
                "status": one.status,
                "said": one.said,
                "details": one.details,
                "worth": [{**vars(worth), "material": worth.material} for worth in one.worth],
            }
            for one in card.findings
        ],
    }


def write_card(card: Card, version: str, out: Path) -> None:
    """Write scorecard.json, scorecard.schema.json, scorecard.html, scorecard.md and CITATION.cff into a folder."""
    write_json(card_document(card, version), out / "scorecard.json")
    write_json(SCHEMA, out / "scorecard.schema.json")
    write_text(card_html(card, version), out / "scorecard.html")
    write_text(card_markdown(card, version), out / "scorecard.md")
    write_text(citation(card, version), out / "CITATION.cff")


def _lines(card: Card) -> list[Finding]:
    """Findings, those that matter first."""
    return sorted(card.findings, key=lambda one: ORDER.index(one.status))


def _worths(finding: Finding) -> str:
    """The effects of a finding's interventions."""
    return "; ".join(
        f"{w.intervention}: {w.points:+.1f} [{w.low:+.1f}, {w.high:+.1f}]" for w in finding.worth
    )


def _lead(card: Card) -> str:
    return (
        f"{counted(card.rows, 'row')}, {counted(len(card.classes), 'class')}; {card.verdict}. A forest scores a macro F of {card.macro_f[0]:.1f} ± "
        f"{card.macro_f[1]:.1f} points under random splits of {card.sampled:,} rows. Points are macro F before minus after an "
        f"intervention, with a 95 % interval. {RULE[0].upper()}{RULE[1:]}"
    )


def card_markdown(card: Card, version: str) -> str:
    """The card as Markdown."""
    rows = [[one.status, one.check, one.said, _worths(one) or "–"] for one in _lines(card)]
    table = markdown_table(["", "check", "finding", "worth, points of macro F"], rows, kinds="tttt")
    doubts = "".join(f"> **Doubt.** {doubt}.\n\n" for doubt in card.doubts)
    return f"# Scorecard of {card.name}\n\n{_lead(card)}\n\n{doubts}{table}\nTable: sha256 `{card.sha256}`. Made by iotids {version}.\n"


def card_html(card: Card, version: str) -> str:
    """The card as one page that needs nothing else."""
    counts = {status: sum(one.status == status for one in card.findings) for status in ORDER}
    cards = "".join(
        f'<div class="card"><span class="{COLOUR[status]}">{status}</span><b>{n}</b></div>'
        for status, n in counts.items()
    )
    rows = [
        [
            html.Html(f'<span class="{COLOUR[one.status]}">{one.status}</span>'),
            one.check,
            html.Html(text_with_code(one.said)),
            _worths(one) or "–",
        ]
        for one in _lines(card)
    ]
    doubts = "".join(f"<div class='warn'>{escape(doubt)}.</div>" for doubt in card.doubts)
    body = (
        f'<h1>Scorecard of {escape(card.name)}</h1>{doubts}<p class="lead">{escape(_lead(card))}</p><div class="cards">{cards}</div>'
        + html.table(["", "check", "finding", "worth, points of macro F"], rows, "tttt")
        + f'<p class="soft">sha256 <code>{card.sha256}</code>. Made by iotids {escape(version)} in {card.seconds:.0f} s.</p>'
    )
    return html.page(f"Scorecard of {card.name}", body)


def citation(card: Card, version: str) -> str:
    """What to cite for this card, in the Citation File Format; add the DOI of the archive that you put it into."""
    rows = counted(card.rows, "row")
    return (
        "cff-version: 1.2.0\n"
        "message: Cite this scorecard with the DOI of the archive that holds it.\n"
        "type: dataset\n"
        f'title: "Scorecard of {card.name.replace(chr(34), "")} (sha256 {card.sha256[:16]})"\n'
        "authors:\n  - name: iotids\n"
        f'version: "{SCHEMA_VERSION}"\n'
        f'abstract: "{rows}; {card.verdict}. Made by iotids {version}."\n'
        "identifiers:\n"
        f'  - type: other\n    value: "sha256:{card.sha256}"\n    description: digest of the audited table\n'
    )
