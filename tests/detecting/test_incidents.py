"""Alarms become incidents: the host that drives an attack is the actor, counts are those of the flows, memory is
bounded, and how verdicts are cut into batches changes nothing.
"""

import numpy as np
import pyarrow as pa
import pytest

from iotids.counted import counted
from iotids.detecting.incidents import book as book_module
from iotids.detecting.incidents.book import IncidentBook
from iotids.detecting.incidents.catalogue import meaning_of
from iotids.detecting.incidents.distinct import KEPT, Distinct, hash_numbers
from iotids.detecting.incidents.in_words import headline, reason, span_text
from iotids.detecting.incidents.incident import Incident
from iotids.detecting.incidents.plain import incident_to_plain
from iotids.detecting.judging.reasons import Reasons, drop_artefacts
from iotids.detecting.judging.verdict_table import flow_columns, verdict_schema
from iotids.detecting.running.outcome import say_incidents
from iotids.flowmeter.flows import flows_from_capture
from tests.detecting.lab import START_US, benign_records, flood_records, frame, scan_records
from tests.packets import ACK, RST, SYN, Record, tcp, udp, write_pcap

CLASSES = ("BENIGN", "DOS", "SCANNING")
SECOND = 1_000_000
ANYONE, SCANNER, VICTIM = "10.0.0.66", "10.0.0.77", "10.0.0.200"


def judged(path, label="SCANNING", *, verdict="attack", probability=0.9) -> pa.Table:
    """The flows of a capture as a verdict table that gives each of them one verdict."""
    flows = flows_from_capture(path, "clean")
    n, schema = flows.num_rows, verdict_schema(CLASSES)
    log_odds = np.linspace(1, 2, n).astype(np.float32)
    columns = {
        **flow_columns(flows),
        "verdict": pa.array([verdict] * n),
        "class": pa.array([label] * n),
        "probability": pa.array(np.full(n, probability, np.float32)),
        "attack_probability": pa.array(np.full(n, probability, np.float32)),
        "attack_log_odds": pa.array(log_odds),
        "novelty": pa.array(np.full(n, 0.5, np.float32)),
        "unknown_because": pa.array([""] * n),
        **{f"p_{name}": pa.array(np.zeros(n, np.float32)) for name in CLASSES},
        "reasons": pa.array([[]] * n, schema.field("reasons").type),
    }
    return pa.table(
        {
            name: column.dictionary_encode().cast(schema.field(name).type)
            if pa.types.is_dictionary(schema.field(name).type)
            else column
            for name, column in columns.items()
        }
    ).select(schema.names)


def noted(*tables, at_once=None, book=None) -> IncidentBook:
    """The book after some verdict tables, whole or in pieces of so many rows."""
    book = book or IncidentBook()
    for table in tables:
        code = {"benign": 0, "attack": 1, "unknown": 2}
        verdict = np.array([code[word] for word in table.column("verdict").to_pylist()], np.int64)
        step = at_once or max(table.num_rows, 1)
        for start in range(0, table.num_rows, step):
            book.add(table.slice(start, step), verdict[start : start + step])
    return book


def capture(tmp_path, records, name="c.pcap"):
    return write_pcap(tmp_path / name, sorted(records, key=lambda record: record.time_us))


def facts(incident):
    plain = incident_to_plain(incident)
    names = (
        "actor",
        "victim",
        "class",
        "flows",
        "answers",
        "attempts",
        "refused",
        "unanswered",
        "ports",
        "packets",
    )
    return {name: plain[name] for name in names}


def test_a_scan_is_one_incident_with_the_counts_of_its_flows(tmp_path):
    table = judged(capture(tmp_path, scan_records(flows=1000, seed=1)))
    (scan,) = noted(table).top("attack", 10)
    assert facts(scan) == {
        "actor": SCANNER,
        "victim": VICTIM,
        "class": "SCANNING",
        "flows": 1000,
        "answers": 0,
        "attempts": 1000,
        "refused": 1000,
        "unanswered": 0,
        "ports": 1000,
        "packets": 2000,
    }
    start, end = table.column("start").cast(pa.int64()).to_numpy(), table.column("duration_us").to_numpy()
    assert (scan.first_us, scan.last_us) == (start.min(), (start + end).max())
    assert (scan.first_packet, scan.last_packet) == (1, 2000)
    assert headline(scan) == f"{SCANNER} scans {VICTIM} on 1,000 ports"
    assert reason(scan).startswith(f"1,000 connection attempts to {VICTIM} on 1,000 ports in ")
    assert reason(scan).endswith("100 % refused")


@pytest.mark.parametrize("at_once", [1, 7, 128])
def test_batches_of_any_size_give_the_same_incidents(tmp_path, at_once):
    records = scan_records(flows=150, seed=1) + flood_records(flows=200, seed=2)
    tables = [judged(capture(tmp_path, records))]
    together, apart = noted(*tables), noted(*tables, at_once=at_once)
    assert [facts(i) for i in apart.top("attack", 9)] == [facts(i) for i in together.top("attack", 9)]
    assert [i.example for i in apart.top("attack", 9)] == [i.example for i in together.top("attack", 9)]


def test_a_scan_stands_above_four_surer_alarms_of_another_host(tmp_path):
    scan = judged(capture(tmp_path, scan_records(flows=1015, seed=1)), probability=0.7)
    four = judged(capture(tmp_path, flood_records(flows=4, seed=2), "four.pcap"), "DOS", probability=0.9999)
    assert [i.actor for i in noted(scan, four).top("attack", 2)] == [SCANNER, ANYONE]


def late_answers(n):
    """What a victim still sends once a scan's flow is over: resets from its ports to the scanner's one."""
    return [
        Record(
            START_US + 200 * SECOND + i * 1000,
            frame(VICTIM, SCANNER, 6, tcp(1 + i, 40_000, flags=RST | ACK, window=0)),
        )
        for i in range(n)
    ]


@pytest.mark.parametrize("at_once", [None, 1])
def test_late_answers_of_the_victim_are_part_of_the_scan(tmp_path, at_once):
    records = scan_records(flows=300, seed=1) + late_answers(30)
    (scan,) = noted(judged(capture(tmp_path, records)), at_once=at_once).top("attack", 9)
    assert (scan.actor, scan.victim, scan.flows, scan.answers) == (SCANNER, VICTIM, 330, 30)
    assert "30 answers of the victim" in reason(scan)


def test_a_victims_answers_that_are_called_another_class_do_not_make_an_incident_of_their_own(tmp_path):
    scan = judged(capture(tmp_path, scan_records(flows=300, seed=1), "a.pcap"))
    back = judged(capture(tmp_path, late_answers(4), "b.pcap"), "DOS", probability=0.999)
    (found,) = noted(scan, back).top("attack", 9)
    assert (found.actor, found.label, found.flows, found.answers) == (SCANNER, "SCANNING", 304, 4)


@pytest.mark.parametrize("at_once", [None, 1])
def test_of_a_scan_seen_in_the_answers_only_the_scanner_is_the_actor(tmp_path, at_once):
    """Asymmetric routing: nothing of the scanner's own packets is recorded."""
    (scan,) = noted(judged(capture(tmp_path, late_answers(200))), at_once=at_once).top("attack", 9)
    assert (scan.actor, scan.victim, scan.answers) == (SCANNER, VICTIM, 200)


def test_a_flood_of_one_host_keeps_its_actor_and_port(tmp_path):
    (flood,) = noted(judged(capture(tmp_path, flood_records(flows=500, seed=3)), "DOS")).top("attack", 9)
    assert (flood.actor, flood.victim, flood.only_port, flood.silent) == (ANYONE, VICTIM, 80, 500)
    assert headline(flood) == f"{ANYONE} floods {VICTIM} on port 80"


def forged_flood(n, *, start_us=START_US):
    """A SYN flood in which every packet has a sender of its own."""
    return [
        Record(
            start_us + i * 200,
            frame(
                f"11.{i >> 16 & 255}.{i >> 8 & 255}.{i & 255}",
                VICTIM,
                6,
                tcp(5000 + i % 50_000, 80, flags=SYN, window=512),
            ),
        )
        for i in range(n)
    ]


@pytest.mark.parametrize("at_once", [None, 100, 1])
def test_a_flood_with_forged_senders_is_one_incident_of_many_sources(tmp_path, at_once):
    book = noted(judged(capture(tmp_path, forged_flood(600)), "DOS"), at_once=at_once)
    (flood,) = book.top("attack", 9)
    assert (flood.actor, flood.victim, flood.flows, len(flood.sources)) == ("", VICTIM, 600, 600)
    assert headline(flood) == f"600 sources floods {VICTIM} on port 80".replace("floods", "flood")


def test_a_hundred_thousand_forged_senders_leave_memory_small(tmp_path):
    table = judged(capture(tmp_path, forged_flood(20_000)), "DOS")
    book = noted(table, at_once=2_000)
    (flood,) = book.top("attack", 9)
    assert flood.sources.is_estimate
    assert abs(len(flood.sources) - 20_000) < 2_000
    assert len(book.open) == 1
    assert "about" in headline(flood)


def sweep_records(scanner, *, hosts):
    """A SYN to one port of each host."""
    return [
        Record(START_US + i * 10_000, frame(scanner, f"10.0.1.{i}", 6, tcp(40_000 + i, 23, flags=SYN)))
        for i in range(1, hosts + 1)
    ]


def test_a_sweep_of_one_port_names_the_number_of_hosts(tmp_path):
    (sweep,) = noted(judged(capture(tmp_path, sweep_records(SCANNER, hosts=212)))).top("attack", 9)
    assert headline(sweep) == f"{SCANNER} scans 212 hosts on port 23"
    assert sweep.victim == ""


def one_classed(tmp_path, *labels):
    """A flood of one host on another whose flows are called several classes, `(label, flows)` in turn."""
    table = judged(capture(tmp_path, flood_records(flows=sum(n for _, n in labels), seed=3)))
    place, called = table.schema.get_field_index("class"), [label for label, n in labels for _ in range(n)]
    column = pa.array(called).dictionary_encode().cast(table.schema.field(place).type)
    return table.set_column(place, table.schema.field(place), column)


@pytest.mark.parametrize("at_once", [None, 1, 7])
def test_what_one_host_does_to_another_is_one_incident_named_by_most_of_its_flows(tmp_path, at_once):
    table = one_classed(tmp_path, ("MITM", 8), ("DOS", 171), ("BOTNET", 24))
    (found,) = noted(table, at_once=at_once).top("attack", 9)
    plain = incident_to_plain(found)
    assert (plain["class"], plain["severity"], plain["flows"]) == ("DOS", "high", 203)
    assert list(plain["classes"].items()) == [("DOS", 171), ("BOTNET", 24), ("MITM", 8)]
    assert reason(found).endswith("; by class: 171 DOS, 24 BOTNET, 8 MITM")


def test_of_classes_with_as_many_flows_the_more_severe_names_the_incident(tmp_path):
    (found,) = noted(one_classed(tmp_path, ("SCANNING", 5), ("BOTNET", 5))).top("attack", 9)
    assert found.label == "BOTNET"


def test_an_incident_keeps_its_id_when_its_class_and_its_first_packet_change(tmp_path):
    ids, table = [], one_classed(tmp_path, ("DOS", 30), ("BOTNET", 8))
    book = IncidentBook(*[lambda i: ids.append((i.label, i.first_us, i.id))] * 2)
    noted(table.take(list(reversed(range(38)))), at_once=1, book=book).end()
    (began, ended) = ids
    assert (began[0], ended[0]) == ("BOTNET", "DOS")
    assert began[1] > ended[1]
    assert began[2] == ended[2]


@pytest.mark.parametrize("at_once", [None, 1])
def test_what_a_host_does_to_several_stays_apart_by_class(tmp_path, at_once):
    sweep = judged(capture(tmp_path, sweep_records(ANYONE, hosts=40), "sweep.pcap"))
    flood = judged(capture(tmp_path, flood_records(flows=30, seed=3), "flood.pcap"), "DOS")
    found = noted(sweep, flood, at_once=at_once).top("attack", 9)
    assert sorted((i.label, i.flows) for i in found) == [("DOS", 30), ("SCANNING", 40)]


def test_what_goes_on_against_a_second_host_stays_in_the_incident_that_most_flows_have_named(tmp_path):
    table = one_classed(tmp_path, ("BOTNET", 3), ("DOS", 40))
    dst = pa.array([*table.column("dst_ip").to_pylist()[:-10], *["10.9.9.9"] * 10])
    moved = table.set_column(table.schema.get_field_index("dst_ip"), "dst_ip", dst)
    (found,) = noted(moved, at_once=1).top("attack", 9)
    assert (found.label, found.flows, len(found.victims)) == ("DOS", 43, 2)


def test_what_goes_on_in_another_incident_after_a_silence_does_not_replace_it():
    book, later = IncidentBook(), 7200 * SECOND
    for label, victim, flows, at in (
        ("DOS", "", 30, 0),
        ("BOTNET", VICTIM, 20, later),
        ("DOS", VICTIM, 5, later + SECOND),
    ):
        book._take(Incident(0, "attack", label, ANYONE, victim, flows=flows, first_us=at, last_us=at))
    assert sorted(i.flows for i in book.all()) == [25, 30]


def test_the_index_of_pairs_empties_with_its_incidents(tmp_path):
    book = noted(one_classed(tmp_path, ("BOTNET", 8), ("DOS", 30)))
    assert len(book._of_pair) == 1
    book.end()
    assert not book._of_pair


def test_silence_ends_an_incident_also_within_one_batch(tmp_path):
    records = scan_records(flows=50, seed=1)
    later = [Record(r.time_us + 3600 * SECOND, r.data) for r in records]
    table = judged(capture(tmp_path, records + later))
    for at_once in (None, 10):
        found = noted(table, at_once=at_once).top("attack", 9)
        assert sorted(i.flows for i in found) == [50, 50]
        assert max(i.seconds for i in found) < 60


def test_incidents_are_reported_when_they_begin_and_when_they_end(tmp_path):
    said = []
    book = IncidentBook(
        began=lambda i: said.append(("began", i.number, i.flows)),
        ended=lambda i: said.append(("ended", i.number, i.flows)),
    )
    noted(judged(capture(tmp_path, scan_records(flows=200, seed=1))), at_once=1, book=book)
    assert [word for word, _, _ in said] == ["began"]
    assert said[0][2] < 10
    quiet = benign_records(flows=3, seed=1, start_us=START_US + 7200 * SECOND, span_us=SECOND)
    noted(judged(capture(tmp_path, quiet, "q.pcap"), "BENIGN", verdict="benign"), book=book)
    assert said[1:] == [("ended", said[0][1], 200)]
    assert not book.open


def test_of_more_incidents_than_are_kept_those_that_stand_out_least_go(tmp_path, monkeypatch):
    monkeypatch.setattr(book_module, "MAX_OPEN", 40)
    monkeypatch.setattr(book_module, "MAX_CLOSED", 10)
    singles = [
        Record(START_US + i * 1000, frame(f"10.1.{i}.1", f"10.2.{i}.1", 17, udp(5000, 1900, b"x")))
        for i in range(200)
    ]
    records = scan_records(flows=300, seed=1) + singles
    book = noted(judged(capture(tmp_path, records)), at_once=25)
    assert len(book.all()) <= 50 + 25
    assert book.top("attack", 1)[0].actor == SCANNER
    assert book.left_out + len(book.all()) == 201
    assert book.attacks_left_out == book.left_out > 0


def test_unknown_incidents_that_are_not_kept_leave_the_number_of_attacks_known(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(book_module, "MAX_CLOSED", 10)
    singles = [
        Record(START_US + i * 1000, frame(f"10.1.{i}.1", f"10.2.{i}.1", 17, udp(5000, 1900, b"x")))
        for i in range(50)
    ]
    book = noted(judged(capture(tmp_path, singles), verdict="unknown"))
    book.end()
    assert book.left_out == 40
    say_incidents(book)
    assert capsys.readouterr().err == "0 incidents\n"


def test_what_is_usual_here_comes_from_the_flows_that_are_called_benign(tmp_path):
    usual = judged(capture(tmp_path, benign_records(flows=400, seed=5), "b.pcap"), "BENIGN", verdict="benign")
    book = noted(usual)
    assert book.ordinary.targets_a_minute in (1, 2)
    records = scan_records(flows=900, seed=1, start_us=START_US)
    noted(judged(capture(tmp_path, records)), book=book)
    book.end()
    assert f"usual here: at most {counted(book.ordinary.targets_a_minute, 'target')} a minute" in reason(
        book.top("attack", 1)[0]
    )


def test_nothing_is_called_usual_on_too_little_traffic(tmp_path):
    book = noted(judged(capture(tmp_path, scan_records(flows=900, seed=1))))
    book.end()
    assert "usual" not in reason(book.top("attack", 1)[0])


def test_distinct_counts_are_exact_below_the_limit_and_close_beyond():
    counter = Distinct()
    counter.add(hash_numbers(np.arange(KEPT)))
    counter.add(hash_numbers(np.arange(KEPT)))
    assert (len(counter), counter.is_estimate) == (KEPT, False)
    for start in range(0, 65_536, 1000):
        counter.add(hash_numbers(np.arange(start, start + 1000)))
    assert counter.is_estimate
    assert abs(len(counter) - 66_000) < 6_000


def test_classes_have_a_severity_and_an_attack_technique():
    techniques = {
        name: meaning_of(name).techniques[0].number
        for name in ("SCANNING", "DOS", "MITM", "BRUTE_FORCE", "BOTNET")
    }
    assert techniques == {
        "SCANNING": "T1046",
        "DOS": "T1498",
        "MITM": "T1557",
        "BRUTE_FORCE": "T1110",
        "BOTNET": "T1071",
    }
    assert meaning_of("something else").techniques == ()


def test_a_reason_never_quotes_a_point_in_time_as_an_idle_time():
    epoch = 1_474_593_331_928_366.0
    reasons = Reasons(np.array([[0, 1, 2]]), np.array([[3.0, 2.0, 1.0]], np.float32), np.ones((1, 3), bool))
    drop_artefacts(
        reasons, np.array([[0.0, 5.0, 7.0]]), np.array([epoch, 1.0, epoch]), np.array([True, True, False])
    )
    assert reasons.given.tolist() == [[True, True, False]]
    assert reasons.feature[0, :2].tolist() == [1, 2]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(91, "91 s"), (0.02, "20 ms"), (600, "10 min"), (7200, "2 h"), (200_000, "2.31 days")],
)
def test_spans_are_short(seconds, text):
    assert span_text(seconds) == text
