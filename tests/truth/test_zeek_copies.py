"""Copies of connection logs in every layout read alike, and no flow takes the label of another line than its own."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from datetime import UTC, datetime
from pathlib import Path

import pytest

from iotids.truth.formats.zeek_join import label_by_connections
from iotids.truth.formats.zeek_log import read_connections
from iotids.truth.labelling.truth_files import find_log
from tests.truth.tables import flow, flows
from tests.truth.test_zeek import FIELDS

NAMES = [*FIELDS, "tunnel_parents", "label", "detailed-label"]
ROWS = [
    ("1600000000.000000", "192.0.2.1", "40000", "192.0.2.2", "80", "1.000000", "Malicious", "C&C"),
    ("1600000030.000000", "192.0.2.1", "40000", "192.0.2.2", "80", "-", "Background", "-"),
    ("1600000060.500000", "2001:db8::1", "40001", "2001:db8::2", "53", "2.5", "benign", "-"),
]
WANTED = [
    (1600000000000000, 1600000001000000, "192.0.2.1", 40000, True, "C&C"),
    (1600000030000000, 1600000030000000, "192.0.2.1", 40000, False, "-"),
    (1600000060500000, 1600000063000000, "2001:db8::1", 40001, False, "-"),
]


def fields(row: tuple[str, ...]) -> dict[str, str]:
    ts, orig, orig_port, resp, resp_port, duration, label, detail = row
    # fmt: off
    return dict.fromkeys(NAMES, "-") | {
        "ts": ts, "uid": "C1", "id.orig_h": orig, "id.orig_p": orig_port, "id.resp_h": resp, "id.resp_p": resp_port,
        "proto": "tcp", "duration": duration, "tunnel_parents": "(empty)", "label": label, "detailed-label": detail,
    }
    # fmt: on


TABLE = [fields(row) for row in ROWS]


def zeek(
    names: list[str] = NAMES, *, tabs_in_header: bool = True, tabs_in_rows: bool = True, before: str = ""
) -> str:
    def line(words: list[str], tabs: bool) -> str:
        return (
            "\t".join(words[:-2])
            + ("\t" if tabs else "   ")
            + words[-2]
            + ("\t" if tabs else "   ")
            + words[-1]
        )

    rows = [line([row[name] for name in NAMES], tabs_in_rows) for row in TABLE]
    header = "#fields\t" + line(names, tabs_in_header)
    return (
        f"{before}#separator \\x09\n#path\tconn\n{header}\n#types\ttime\tstring\n"
        + "\n".join(rows)
        + "\n#close\t2020\n"
    )


def copy(sign: str, names: list[str] = NAMES, quote: str = "") -> str:
    rows = [names, *([row[name] for name in NAMES] for row in TABLE)]
    return "".join(sign.join(f"{quote}{word}{quote}" for word in row) + "\n" for row in rows)


def renamed(**names: str) -> list[str]:
    return [names.get(name.replace(".", "_").replace("-", "_"), name) for name in NAMES]


def as_json(nested: bool = False, iso: bool = False) -> str:
    lines = []
    for row, wanted in zip(TABLE, WANTED, strict=True):
        content: dict[str, object] = dict(row) | {
            "ts": float(row["ts"]),
            "id.orig_p": int(row["id.orig_p"]),
            "id.resp_p": int(row["id.resp_p"]),
        }
        if row["duration"] == "-":
            del content["duration"]
        if iso:
            content["ts"] = datetime.fromtimestamp(wanted[0] / 1e6, UTC).isoformat().replace("+00:00", "Z")
        if nested:
            content["id"] = {
                key: content.pop(f"id.{key}") for key in ("orig_h", "orig_p", "resp_h", "resp_p")
            }
        lines.append(json.dumps(content))
    return "\n".join(lines)


ISO_TIMES = ("2020-09-13T12:26:40.000000Z", "2020-09-13 12:27:10", "2020-09-13T14:27:40.5+02:00")
BASIC_TIMES = ("20200913T122640.000000Z", "20200913T122710", "20200913T142740,5+0200")


def with_iso_times(text: str, times: tuple[str, ...] = ISO_TIMES) -> str:
    for row, time in zip(ROWS, times, strict=True):
        text = text.replace(row[0], time)
    return text


# fmt: off
COPIES = {
    "three spaces everywhere": zeek(tabs_in_header=False, tabs_in_rows=False),
    "tabs everywhere": zeek(),
    "three spaces in the header only": zeek(tabs_in_header=False),
    "three spaces in the rows only": zeek(tabs_in_rows=False),
    "detailedlabel": zeek(renamed(detailed_label="detailedlabel")),
    "detailed_label": zeek(renamed(detailed_label="detailed_label")),
    "capitals": zeek([name.upper() for name in NAMES]),
    "Detailed Label": copy(",", renamed(detailed_label="Detailed Label", label="Label")),
    "fields behind hundreds of comments": zeek(before="#comment with\ttabs\n" * 3000),
    "fields first": zeek().partition("conn\n")[2],
    "fields first, with commas": "#fields," + copy(","),
    "fields first, with bars": "#fields|" + copy("|"),
    "two logs one behind the other": zeek().replace("#close\t2020\n", "") + zeek().split("1600000000")[0] + "#close\t2021\n",
    "fields behind the rows": "\n".join(sorted(zeek().splitlines(), key=lambda line: line.startswith("#"))),
    "commas": copy(","),
    "semicolons": copy(";"),
    "bars": copy("|"),
    "tabs and a header": copy("\t"),
    "quotes": copy(",", quote='"'),
    "bars and three spaces": copy("|").replace("(empty)|", "(empty)   ").replace("|label|", "   label   "),
    "underscores": copy(",", [name.replace(".", "_").replace("-", "_") for name in NAMES]),
    "Windows": zeek().replace("\n", "\r\n"),
    "byte order mark": "\ufeff" + copy(","),
    "pandas": copy(",").replace(",40000,", ",40000.0,").replace(",80,", ",80.0,"),
    "protocol numbers": copy(",").replace(",tcp,", ",6,"),
    "commas between Zeek's fields": zeek().replace("\\x09", "\\x2c").replace("\t", ","),
    "JSON": as_json(),
    "nested JSON": as_json(nested=True),
    "JSON with ISO times": as_json(iso=True),
    "ISO times": with_iso_times(zeek()),
    "ISO times without signs": with_iso_times(zeek(), BASIC_TIMES),
}
# fmt: on


def read(folder: Path, text: str | bytes):
    path = folder / "conn.log.labeled"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_connections(path)


def summary(connections) -> list[tuple]:
    names = ("first_us", "last_us", "orig_ip", "orig_port", "malicious", "detail")
    return [tuple(row[name] for name in names) for row in connections.rows.to_pylist()]


@pytest.mark.parametrize("name", COPIES)
def test_copy_reads_as_the_original(tmp_path: Path, name: str) -> None:
    connections = read(tmp_path, COPIES[name])
    assert summary(connections) == WANTED
    assert connections.broken == ()
    assert connections.rows["protocol"].to_pylist() == ["tcp"] * 3


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_packed_log_reads_as_the_original_and_a_damaged_one_is_refused(tmp_path: Path, pack) -> None:
    packed = pack(zeek().encode())
    assert summary(read(tmp_path, packed)) == WANTED
    with pytest.raises((ValueError, OSError), match="damaged|invalid|Invalid"):
        read(tmp_path, packed[: len(packed) // 2])


def test_label_alone_is_enough(tmp_path: Path) -> None:
    names = [name for name in NAMES if name not in ("detailed-label", "duration")]
    text = "\n".join([",".join(names), *(",".join(row[name] for name in names) for row in TABLE)])
    assert [row[4:] for row in summary(read(tmp_path, text))] == [(True, "-"), (False, "-"), (False, "-")]


@pytest.mark.parametrize("sign", ["\t", ","])
def test_log_without_labels_is_called_so(tmp_path: Path, sign: str) -> None:
    names = NAMES[:-2]
    with pytest.raises(ValueError, match="no column label; this is a log without labels"):
        read(
            tmp_path,
            (f"#fields{sign}" if sign == "\t" else "")
            + sign.join(names)
            + "\n"
            + sign.join("1" for _ in names),
        )


@pytest.mark.parametrize("word", ["a\rb", '"a', "a" * 200_000], ids=["line break", "quote", "endless"])
def test_first_line_that_is_no_line_of_a_csv_is_no_traceback(tmp_path: Path, word: str) -> None:
    assert summary(read(tmp_path, zeek(before=f"# {word}, b\n"))) == WANTED
    with pytest.raises(ValueError, match="no column ts"):
        read(tmp_path, f"{word},b\n1,2\n")


def test_two_layouts_in_one_file_are_refused(tmp_path: Path) -> None:
    other = "#fields\t" + "\t".join(reversed(NAMES)) + "\n"
    with pytest.raises(ValueError, match="several logs with other columns"):
        read(tmp_path, zeek() + other + "\t".join(reversed(list(TABLE[0].values()))) + "\n")


CONNECTION = [
    flow("192.0.2.1", 40000, "192.0.2.2", 80, start_us=1600000000_200000),
    flow("192.0.2.1", 40000, "192.0.2.2", 80, start_us=1600000030_000000, duration_us=100),
]


def label(folder: Path, text: str, table=CONNECTION, **more):
    options = {"malicious": "MIRAI", "background": "", "tolerance_us": 1_000_000, **more}
    labels = label_by_connections("a.pcap", "g", flows(*table), read(folder, text), **options)
    found = [labels.verdicts[code] if code >= 0 else None for code in labels.codes]
    return [verdict and (verdict.label or verdict.rule) for verdict in found], labels


def test_third_label_is_background(tmp_path: Path) -> None:
    found, labels = label(tmp_path, zeek())
    assert found == ["MIRAI", "background: background in the connection log"]
    assert label(tmp_path, zeek(), background="BENIGN")[0] == ["MIRAI", "BENIGN"]
    assert ("third_label", 1) in [(notice.name, notice.count) for notice in labels.notices]


@pytest.mark.parametrize(
    "broken",
    [
        zeek().replace("Background", "-"),
        zeek().replace("Background", "(empty)"),
        zeek().replace("1600000030.000000", "noon"),
        zeek().replace("1600000030.000000", "1600000030.0.0"),
        zeek().replace("1600000030.000000", "-5"),
        zeek().replace("1600000030.000000", "1e300"),
        zeek().replace("\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t(empty)\tBackground\t-", ""),  # cut short
        zeek().replace("Background\t-", "Background\t-\tmore"),
        zeek().replace("(empty)\tBackground", "(empty)\tBack\tground"),
        copy(",").replace("Background", ""),
    ],
)
@pytest.mark.parametrize("start_s", [30, 3])
def test_flow_whose_own_line_cannot_be_used_is_unlabelled(tmp_path: Path, broken: str, start_s: int) -> None:
    """Also where the line before it is within the limit of the nearest."""
    text = broken.replace("1600000030", f"16000000{start_s:02}")
    table = [CONNECTION[0], {**CONNECTION[1], "start_us": (1600000000 + start_s) * 1_000_000}]
    found, labels = label(tmp_path, text, table)
    assert found == ["MIRAI", None]
    assert len(labels.broken_truth) == 1
    assert {notice.name for notice in labels.notices} >= {"broken_truth_rows"}


@pytest.mark.parametrize(
    ("gap_s", "wanted"), [(3, "MIRAI"), (4.9, "MIRAI"), (5.2, None), (29, None), (1e6, None)]
)
def test_nearest_connection_has_a_limit(tmp_path: Path, gap_s: float, wanted: str | None) -> None:
    only = "\n".join(line for line in zeek().splitlines() if "Background" not in line) + "\n"
    table = [CONNECTION[0], {**CONNECTION[1], "start_us": round((1600000001 + gap_s) * 1e6)}]
    found, _ = label(tmp_path, only, table)
    assert found == ["MIRAI", wanted]
    assert label(tmp_path, only, table, nearest_us=2_000_000_000_000)[0] == ["MIRAI", "MIRAI"]


def test_nearest_never_crosses_a_line_that_cannot_be_used(tmp_path: Path) -> None:
    lines = zeek().replace("1600000030.000000", "1600000003.000000").replace("Background", "-")
    beyond = {**CONNECTION[1], "start_us": 1600000004_500000}
    between = {**CONNECTION[1], "start_us": 1600000001_900000}
    found, _ = label(tmp_path, lines, [CONNECTION[0], beyond, between], tolerance_us=0)
    assert found == ["MIRAI", None, "MIRAI"]


@pytest.mark.parametrize(
    "name",
    ["scan[1].pcap.x-conn-log.labeled", "conn.log.labeled", "conn.log.labeled.gz", "bro/conn.log.labeled", "zeek/conn.log.labeled.gz",
     "other-zeek-conn.log.labeled", "Scan-labeled.csv", "netflowlabeler.log.labeled", "conn.log.labelled"],
)  # fmt: skip
def test_log_is_found_by_its_usual_names_beside_a_capture_with_brackets(tmp_path: Path, name: str) -> None:
    (tmp_path / "day" / name).parent.mkdir(parents=True)
    (tmp_path / "day" / name).write_text("")
    (tmp_path / "day" / "scan1.pcap.x-conn-log.txt").write_text("")
    assert find_log(tmp_path / "day" / "scan[1].pcap.zst", tmp_path) == tmp_path / "day" / name
