"""The report is one page without outside resources that says what happened; totals stay small whatever the
traffic.
"""

import dataclasses
import json
import re

import numpy as np
import pytest

from iotids.detecting.calibrating.site_file import origin_of
from iotids.detecting.incidents.incident import Incident
from iotids.detecting.incidents.plain import utc_text, wireshark_filter
from iotids.detecting.judging.drift import DriftCounter
from iotids.detecting.judging.fitness import FitnessCounter
from iotids.detecting.judging.verdict_words import BENIGN
from iotids.detecting.judging.verdicts import Judge, package_point
from iotids.detecting.package.inference import Model
from iotids.detecting.running.outcome import say_incidents
from iotids.detecting.running.session import Session
from iotids.detecting.summary.page import report_page
from iotids.detecting.summary.page_table import percent
from iotids.detecting.summary.summary import summarise
from iotids.detecting.summary.tally import Tally
from iotids.detecting.summary.timeline import TIMELINE_BINS
from iotids.flowmeter.flows import Meter, flows_from_capture
from iotids.writing.html import table
from tests.detecting.lab import DAY_US, START_US, benign_records, flood_records, scan_records
from tests.packets import write_pcap
from tests.pages.browser import browser_page, needs_chromium, pictures


@pytest.fixture(scope="module")
def session(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    records = [
        *benign_records(flows=200, seed=21, span_us=3_600_000_000),
        *flood_records(flows=400, seed=22, start_us=START_US + 1_000_000_000),
    ]
    records += scan_records(flows=150, seed=23, start_us=START_US + 2_000_000_000)
    path = write_pcap(folder / "evil<script>.pcap", sorted(records, key=lambda r: r.time_us))
    session = Session(Judge(trained, Model(trained), package_point(trained)), None)
    session.take(Meter(str(path), "clean", with_digest=False))
    return session


@pytest.fixture(scope="module")
def summary(session, trained):
    status = {"complete": True, "why": ""}
    return summarise(
        session.tally,
        session.drift.result(),
        trained,
        ledgers=session.ledgers,
        status=status,
        point=origin_of(None, trained),
        fitness=session.fitness.result(),
    )


def test_the_page_loads_nothing_from_elsewhere_and_runs_no_script(summary):
    page = report_page(summary)
    assert not re.search(r"(src|href)\s*=|@import|url\(|<script|<link|<iframe|https?://", page)


def test_names_of_files_cannot_smuggle_markup_into_the_page(summary):
    page = report_page(summary)
    assert "evil&lt;script&gt;.pcap" in page
    assert "evil<script>" not in page


def test_the_summary_is_plain_json(summary):
    assert json.loads(json.dumps(summary)) == summary


def test_the_attackers_lead_the_list_with_their_class_and_reasons(summary):
    found = {(i["src"], i["class"]) for i in summary["attacks"]}
    assert {("10.0.0.66", "DOS"), ("10.0.0.77", "SCANNING")} <= found
    assert all(i["reasons"] for i in summary["attacks"])


def test_counts_of_the_parts_add_up_to_the_flows(summary):
    assert sum(summary["verdicts"].values()) == sum(summary["classes"].values()) == summary["flows"]
    assert sum(h["flows"] for h in summary["hosts"]) == summary["flows"]
    assert (
        sum(bar.get(v, 0) for bar in summary["timeline"]["bars"] for v in ("attack", "unknown", "benign"))
        == summary["flows"]
    )


def test_an_incomplete_run_and_doubts_stand_at_the_top(summary, trained):
    point = {**origin_of(None, trained), "doubts": ["the captures hold attacks"]}
    page = report_page(
        {**summary, "status": {"complete": False, "why": "x.pcap: cut off"}, "operating_point": point}
    )
    assert page.index("x.pcap: cut off") < page.index("<h2>When")
    assert page.index("the captures hold attacks") < page.index("<h2>When")


def test_a_page_without_flows_says_so(trained):
    drift = DriftCounter(trained.features, trained.reference["drift"])
    empty = summarise(
        Tally(),
        drift.result(),
        trained,
        ledgers=[],
        status={"complete": True},
        point=origin_of(None, trained),
        fitness=FitnessCounter().result(),
    )
    assert "no flow that can be judged" in report_page(empty)


@needs_chromium
def test_chromium_shows_the_page_offline_in_light_and_dark(summary, tmp_path):
    (tmp_path / "page.html").write_text(report_page(summary))
    with browser_page(1200, 1600) as page:
        for scheme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(13, 17, 23)")):
            page._call(
                "Emulation.setEmulatedMedia",
                {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
            )
            page.open(f"file://{tmp_path}/page.html")
            page.wait_for_text("Traffic report", "Incidents", "10.0.0.66", "Drift", "Known limits", "DOS")
            page.wait_for(f"getComputedStyle(document.body).backgroundColor == '{paper}'")
            assert page.evaluate("document.querySelectorAll('svg rect').length") > 3
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
                "wider than the window"
            )
            page.screenshot(pictures() / f"traffic-report-{scheme}.png")
            page.resize(390, 800)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "wider than a phone"
            page.resize(1200, 1600)
        assert page.complaints == []
        assert {url for url in page.requests if not url.startswith(("file:", "about:"))} == set()


def test_a_flood_with_forged_senders_leaves_the_totals_small(session, monkeypatch, tmp_path):
    """A million senders must not fill memory; here a few hundred against lowered limits."""
    monkeypatch.setattr("iotids.detecting.summary.tally.HOSTS_PER_BATCH", 50)
    monkeypatch.setattr("iotids.detecting.summary.tally.MAX_HOSTS", 80)
    monkeypatch.setattr("iotids.detecting.incidents.book.MAX_OPEN", 80)
    tally, records = Tally(), flood_records(flows=600, seed=1)
    forged = [
        r.__class__(r.time_us, r.data[:26] + (0x0B000000 + i).to_bytes(4, "big") + r.data[30:])
        for i, r in enumerate(records)
    ]
    verdicts = session.judge.judge(flows_from_capture(write_pcap(tmp_path / "forged.pcap", forged), "clean"))[
        0
    ]
    for start in range(0, 600, 100):
        tally.add(verdicts.slice(start, 100))
    assert tally.flows == 600
    assert len(tally.hosts) <= 80
    assert len(tally.incidents.open) <= 80


def test_the_years_between_two_captures_are_no_days_of_traffic(session, tmp_path):
    tally = Tally()
    for name, start_us in (("old", START_US), ("new", START_US + 10 * 365 * DAY_US)):
        path = write_pcap(
            tmp_path / f"{name}.pcap", benign_records(flows=50, seed=4, start_us=start_us, span_us=DAY_US)
        )
        tally.add(session.judge.judge(flows_from_capture(path, "clean"))[0])
    assert 1.5 < tally.days < 2.0
    assert [r.captures for r in tally.recordings.all] == [["old.pcap"], ["new.pcap"]]


def test_captures_of_different_years_get_a_section_each_and_short_ones_no_rate(session, trained, tmp_path):
    tally = Tally()
    for name, year in (("old", 0), ("new", 10)):
        records = flood_records(flows=100, seed=3, start_us=START_US + year * 365 * DAY_US)
        path = write_pcap(tmp_path / f"{name}.pcap", records)
        tally.add(session.judge.judge(flows_from_capture(path, "clean"))[0])
    point = origin_of(None, trained)
    page = report_page(
        summarise(
            tally,
            [],
            trained,
            ledgers=[],
            status={"complete": True},
            point=point,
            fitness=FitnessCounter().result(),
        )
    )
    assert "<h3>2023-11-14 22:13 to 2023-11-14 22:13</h3>" in page
    assert "<h3>2033-11-11 22:13 to 2033-11-11 22:13</h3>" in page
    assert "alarms a day" not in page


def test_a_timeline_of_any_length_keeps_its_bins_and_loses_no_flow():
    tally = Tally()
    for span_s in (1, 1_000, 100_000_000):
        tally.timeline.add(np.linspace(0, span_s * 1e6, 500).astype(np.int64), np.full(500, BENIGN))
    bars = tally.timeline.bars()
    assert len(bars) <= TIMELINE_BINS
    assert sum(counts.get("benign", 0) for _, counts in bars) == 1500


def page_and_words(captures, trained, capsys):
    """The page of some captures without its style, and what the command says of their incidents."""
    session = Session(Judge(trained, Model(trained), package_point(trained)), None)
    for path in captures:
        session.take(Meter(str(path), "clean", with_digest=False))
    say_incidents(session.tally.incidents)
    point, fitness = origin_of(None, trained), FitnessCounter().result()
    plain = summarise(
        session.tally, [], trained, ledgers=[], status={"complete": True}, point=point, fitness=fitness
    )
    return report_page(plain).partition("</style>")[2], capsys.readouterr().err


def test_page_and_terminal_count_the_same_incidents_and_name_the_weak_ones(trained, tmp_path, capsys):
    weak = [
        dataclasses.replace(r, data=r.data[:26] + bytes((10, 1, 1, i)) + r.data[30:])
        for i in range(30)
        for r in flood_records(flows=1, seed=i, start_us=START_US + i * 700_000_000)
    ]
    flood = write_pcap(tmp_path / "flood.pcap", flood_records(flows=300, seed=5))
    page, said = page_and_words([flood, write_pcap(tmp_path / "weak.pcap", weak)], trained, capsys)
    words = "1 incident and 30 weak ones (score below 10)"
    assert words in said.splitlines()
    assert f"<b class='attack'>{words}</b>" in page
    assert "The 25 highest of 31" in page
    assert page.count(", weak</span>") == 24


def test_an_incident_over_several_captures_names_them(trained, tmp_path, capsys):
    paths = [
        write_pcap(
            tmp_path / f"c{i}.pcap",
            flood_records(flows=100, seed=5, start_us=START_US + i * 60_000_000),
        )
        for i in range(5)
    ]
    page, _ = page_and_words(paths[:2], trained, capsys)
    assert "2 captures: c0.pcap, c1.pcap; from packet 1 of c0.pcap to packet " in page
    page, _ = page_and_words(paths, trained, capsys)
    assert "5 captures: c0.pcap, c1.pcap, c2.pcap and 2 more; from packet 1 of c0.pcap to packet " in page


def test_of_an_incident_at_most_a_hundred_captures_are_named():
    whole = an_incident(first_capture="c0")
    for i in range(150):
        whole.add(an_incident(first_capture=f"c{i}", first_us=i, last_us=i))
    assert whole.captures == [f"c{i}" for i in range(100)]


def an_incident(**changes):
    facts = {"actor": "10.0.0.1", "victim": "10.0.0.2", "flows": 3, "tcp": 3, "only_port": 80}
    return Incident(1, "attack", "DOS", **facts | {"first_packet": 7, "last_packet": 9} | changes)


@pytest.mark.parametrize(
    ("incident", "wanted"),
    [
        (an_incident(), "ip.addr == 10.0.0.1 && ip.addr == 10.0.0.2 && tcp.port == 80"),
        (an_incident(actor=""), "ip.addr == 10.0.0.2 && tcp.port == 80"),
        (
            an_incident(actor="fe80::1", victim="fe80::2", tcp=0, only_port=-1),
            "ipv6.addr == fe80::1 && ipv6.addr == fe80::2",
        ),
    ],
)
def test_the_wireshark_filter_names_addresses_port_and_frames(incident, wanted):
    assert wireshark_filter(incident) == f"{wanted} && frame.number >= 7 && frame.number <= 9"


def test_an_incident_over_several_captures_is_filtered_by_time():
    text = wireshark_filter(an_incident(last_capture="b.pcap", first_us=1_000_000, last_us=2_500_000))
    assert "frame.time_epoch >= 1.000000 && frame.time_epoch <= 2.500000" in text
    assert "frame.number" not in text


def test_times_are_utc_to_the_microsecond_also_before_1970():
    assert utc_text(1_700_000_000_000_001) == "2023-11-14 22:13:20.000001"
    assert utc_text(-1) == "1969-12-31 23:59:59.999999"


def test_cells_are_escaped_and_shares_keep_their_digits():
    assert "&lt;b&gt;" in table(["a"], [["<b>"]], "t")
    assert [percent(x) for x in (0, 0.00012, 0.5, None)] == ["0 %", "0.012 %", "50.0 %", "–"]


def test_the_page_says_when_the_model_is_unfit_for_the_traffic(summary):
    words = "this model is unfit for this network: 30.0% of 1,000 flows are undecided, 0.0% far from all training flows"
    page = report_page(summary | {"fitness": {"verdict": "unfit", "in_words": words}})
    assert page.count(f"T{words[1:]}") == 2
    assert page.index(f"T{words[1:]}") < page.index("<h2>When")
