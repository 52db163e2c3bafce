"""Flow tables as spreadsheets, other countries and other tools write them: read to the same values, or refused."""

from __future__ import annotations

import bz2
import gzip
import lzma
import math
import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from iotids.commands.import_table import import_tables, read_labels
from iotids.truth.imports.cic_tables import How, Imported, import_table
from iotids.truth.imports.table_times import Clock, read_times
from iotids.truth.labelling.truth_files import table_labels
from tests.truth.test_cic_tables import V4, names, row

HOW = How("elsewhere", table_labels())
LONG = {
    "Flow Duration": 1_234_567,
    "Total Fwd Packet": 3,
    "Total Bwd packets": 2,
    "Flow Packets/s": 4.0500029565,
}
ROWS = [row(**LONG), row(**LONG, Label="DDoS") | {"Flow IAT Mean": 308641.75}]


def lines(*rows: dict[str, object], sign: str = ",", quote: str = "") -> str:
    cells = [V4, *([str(one[name]) for name in V4] for one in rows)]
    return "".join(sign.join(f"{quote}{cell}{quote}" for cell in line) + "\n" for line in cells)


def read(folder: Path, text: str | bytes, how: How = HOW) -> Imported:
    path = folder / "flows.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return import_table(path, how)


def us(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def quoted(text: str, old: str, new: str) -> str:
    return text.replace(old, f'"{new}"')


WITH_COMMAS = lines(*ROWS, sign=";").replace("4.0500029565", "4,0500029565")
# fmt: off
VARIANTS = {
    "semicolons": lines(*ROWS, sign=";"),
    "tabs": lines(*ROWS, sign="\t"),
    "bars": lines(*ROWS, sign="|"),
    "sep line": "sep=;\n" + lines(*ROWS, sign=";"),
    "quoted sep line": '"sep=|"\r\n' + lines(*ROWS, sign="|"),
    "sep line with a tab": "sep=\t\n" + lines(*ROWS, sign="\t"),
    "quotes": lines(*ROWS, quote='"'),
    "thousands": quoted(lines(*ROWS), "1234567", "1,234,567"),
    "thousands and decimals": quoted(lines(*ROWS), "308641.75", "308,641.75"),
    "decimal commas": WITH_COMMAS.replace("308641.75", "308641,75"),
    "decimal commas and thousands": WITH_COMMAS.replace("308641.75", "308.641,75").replace("1234567", "1.234.567"),
    "spaces for thousands": lines(*ROWS).replace("1234567", "1 234 567").replace("308641.75", "308 641.75"),
    "narrow spaces": lines(*ROWS).replace("1234567", "1\u202f234\u202f567"),
    "apostrophes": lines(*ROWS).replace("1234567", "1'234'567"),
    "spaces around": lines(*ROWS).replace(",", " , "),
    "old line ends": lines(*ROWS).replace("\n", "\r\n"),
}
# fmt: on


@pytest.mark.parametrize("name", VARIANTS)
def test_table_is_read_to_the_same_values(tmp_path: Path, name: str) -> None:
    imported = read(tmp_path, VARIANTS[name])
    assert imported.broken.num_rows == 0
    assert imported.flows["flow_duration_us"].to_pylist() == [1_234_567] * 2
    assert imported.flows["flow_iat_mean_us"].to_pylist() == [0.0, 308641.75]
    assert imported.flows["flow_packets_per_s"].to_pylist() == [4.0500029565] * 2
    assert imported.flows["label"].to_pylist() == ["BENIGN", "DOS"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("sign", [",", "\t"])
def test_table_of_any_usual_encoding_is_read_with_or_without_its_mark(
    tmp_path: Path, encoding: str, sign: str
) -> None:
    text = lines(*ROWS, sign=sign)
    imported, wanted = read(tmp_path, text.encode(encoding)), read(tmp_path, lines(*ROWS))
    assert imported.flows.equals(wanted.flows)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_packed_table_is_read_and_a_damaged_one_refused(tmp_path: Path, pack) -> None:
    packed = pack(lines(*ROWS * 500).encode())
    assert read(tmp_path, packed).flows.num_rows == 1000
    with pytest.raises((ValueError, OSError), match=r"flows\.csv: the compressed file is damaged"):
        read(tmp_path, packed[:-20])


def test_archive_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "flows.csv.zip", "w") as archive:
        archive.writestr("flows.csv", lines(*ROWS))
    with pytest.raises(ValueError, match="a zip archive; unpack it"):
        import_table(tmp_path / "flows.csv.zip", HOW)


def test_numbers_of_two_readings_are_refused_unless_the_user_says(tmp_path: Path) -> None:
    text = quoted(lines(*ROWS), "308641.75", "308,641")
    with pytest.raises(ValueError, match=r"'308,641' may be a thousand.*--decimal"):
        read(tmp_path, text)
    for decimal, wanted in ((".", 308641.0), (",", 308.641)):
        whole = text.replace("4.0500029565", "5").replace("20.0", "20")
        found = read(tmp_path, whole, How("x", table_labels(), decimal=decimal)).flows["flow_iat_mean_us"]
        assert found.to_pylist()[1] == wanted
    both = quoted(quoted(lines(*ROWS), "308641.75", "308,641.75"), "4.0500029565", "4,05")
    with pytest.raises(ValueError, match="commas are both decimal"):
        read(tmp_path, both)


def test_comma_in_a_column_of_whole_numbers_is_a_thousand(tmp_path: Path) -> None:
    found = read(tmp_path, lines(row(**{"Fwd Header Length": '"4,096"'})))
    assert found.flows["fwd_header_bytes"].to_pylist() == [4096]


@pytest.mark.parametrize(
    ("word", "value"),
    [(word, math.nan) for word in ("nan", "-nan", "NaN", "NA", "N/A", "#N/A", "None", "null", "", "<NA>", "1.#IND", "-1.#IND", "1.#QNAN", "-nan(ind)")]
    + [(word, math.inf) for word in ("inf", "+inf", "Infinity", "+Infinity", "1.#INF", "∞")]
    + [(word, -math.inf) for word in ("-inf", "-Infinity", "-1.#INF")],
)  # fmt: skip
def test_what_is_no_finite_number_is_read_as_what_it_is(tmp_path: Path, word: str, value: float) -> None:
    (found,) = read(tmp_path, lines(row(**{"Flow Bytes/s": word}))).flows["flow_bytes_per_s"].to_pylist()
    assert found == value or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize("word", ["1.#FOO", "infinite", "--1", "1,2,3", "0x10", "1_000", "١٢", "1e", "- 5"])
def test_what_is_no_number_at_all_is_set_aside_with_its_line(tmp_path: Path, word: str) -> None:
    imported = read(tmp_path, lines(row(), row(**{"Flow Bytes/s": f'"{word}"'})))
    assert imported.flows.num_rows == 1
    assert imported.broken["reason"].to_pylist() == ["Flow Bytes/s: no number"]


@pytest.mark.parametrize("word", ["nan", "inf", "-inf", "", "1e30", "-1e19", "9300000000000"])
@pytest.mark.parametrize("name", ["Flow Duration", "Src Port", "Total Fwd Packet"])
def test_what_a_column_of_whole_numbers_cannot_hold_is_set_aside_with_its_line(
    tmp_path: Path, name: str, word: str
) -> None:
    imported = read(tmp_path, lines(row(), row(**{name: word})))
    held = word == "9300000000000" and name == "Total Fwd Packet"
    assert imported.flows.num_rows == 1 + held
    assert imported.broken["reason"].to_pylist() == [f"{name}: no number"] * (not held)


def starts(folder: Path, *times: str, how: How = HOW) -> tuple[list[int], set[str]]:
    imported = read(folder, lines(*[row(Timestamp=time) for time in times]), how)
    assert imported.flows.num_rows + imported.broken.num_rows == len(times)
    return imported.flows["start_us"].to_pylist(), set(names(imported))


@pytest.mark.parametrize(
    ("times", "wanted", "noticed"),
    [
        (["07/03/2017 02:55:58 PM", "07/25/2017 02:55:58 PM", "07/12/2017 02:55:58 PM"],
         ["2017-07-03T14:55:58", "2017-07-25T14:55:58", "2017-07-12T14:55:58"], set()),
        (["07/03/2017 02:55:58 PM", "25/07/2017 02:55:58 AM"], ["2017-03-07T14:55:58", "2017-07-25T02:55:58"], set()),
        (["07/03/2017 02:55:58 PM"], ["2017-03-07T14:55:58"], {"dates_assumed"}),
        (["07/07/2017 12:00:00 AM", "07/07/2017 12:00:01 PM"], ["2017-07-07T00:00:00", "2017-07-07T12:00:01"], set()),
        (["3/7/2017 8:55", "3/7/2017 12:01", "3/7/2017 1:05"],
         ["2017-07-03T08:55:00", "2017-07-03T12:01:00", "2017-07-03T01:05:00"], {"dates_assumed", "clock_assumed"}),
        (["14/7/2017 8:55", "14/7/2017 13:01", "14/7/2017 1:05"],
         ["2017-07-14T08:55:00", "2017-07-14T13:01:00", "2017-07-14T01:05:00"], set()),
        (["14.07.2017 08:55:01.5"], ["2017-07-14T08:55:01"], set()),
        (["2017/07/14 08:55:01"], ["2017-07-14T08:55:01"], set()),
        (["2017-07-14T08:55:01Z"], ["2017-07-14T08:55:01"], set()),
        (["2017-07-14T10:55:01+02:00", "2017-07-14 04:25:01-0430"], ["2017-07-14T08:55:01", "2017-07-14T08:55:01"], set()),
        (["1500022501", "1500022501.25", "1500022501000", "1500022501000000", "1500022501000000000"], ["2017-07-14T08:55:01"] * 5, set()),
    ],
)  # fmt: skip
def test_order_of_day_and_month_is_decided_for_the_file(
    tmp_path: Path, times: list[str], wanted: list[str], noticed: set[str]
) -> None:
    found, said = starts(tmp_path, *times)
    assert [time // 1_000_000 * 1_000_000 for time in found] == [us(time) for time in wanted]
    assert said == noticed


def micros(text: str) -> int:
    """Microseconds since 1970 of an ISO time, UTC without a zone."""
    moment = datetime.fromisoformat(text)
    return (moment.replace(tzinfo=moment.tzinfo or UTC) - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(
        microseconds=1
    )


# fmt: off
SPELLINGS = {  # every one is 2017-07-25 14:55:58 UTC
    "2017-07-25T14:55:58": [
        "25/Jul/2017 14:55:58", "25/Jul/2017:14:55:58", "25/Jul/2017:14:55:58 +0000", "[25/Jul/2017:11:55:58 -0300]",
        "25-Jul-2017 14:55:58", "25 July 2017 02:55:58 PM", "25.jul.2017 14:55:58", "25Jul2017:14:55:58",
        "Jul 25, 2017 14:55:58", "Jul 25, 2017 14:55:58 UTC", "July 25, 2017, 2:55:58 p.m.", "JUL 25 2017 2:55:58PM",
        "Jul 25, 2017 at 2:55:58 PM", "July 25th, 2017 14:55:58", "2017-Jul-25 14:55:58", "2017 Jul 25 14:55:58",
        "Tue Jul 25 14:55:58 2017", "Tue Jul 25 14:55:58 UTC 2017", "Tue, 25 Jul 2017 16:55:58 +0200",
        "20170725T145558Z", "20170725T145558", "20170725T165558+0200", "20170725T165558+02", "20170725T092558-0530",
        "20170725 145558", "20170725145558", "20170725145558Z", "25/07/2017 14:55:58 +0000", "25/07/2017 02:55:58 PM UTC",
        "2017/07/25 16:55:58+02:00", "2017-07-25T16:55:58+02", "2017-07-25t14:55:58z", "2017-07-25 14:55:58 GMT",
        "1500994558", "1,500,994,558", "1.500.994.558", "1 500 994 558", "1'500'994'558", "1,500,994,558,000",
        "1500994558000000000", "1.500994558e9", "1.500994558E+09", "1,500994558E+09", "1.500994558e12", "1.500994558e15",
        "1.500994558000000000e+18", "15009945580e-1", "001500994558",
    ],
    "2017-07-25T14:55:58.123": [
        "20170725T145558.123Z", "20170725T145558,123", "20170725145558123", "20170725145558.123", "20170725145558123000",
        "2017-07-25T14:55:58,123Z", "Jul 25, 2017 14:55:58.123000000 UTC", "25/Jul/2017:14:55:58,123", "25/07/2017 14:55:58,123",
        "1500994558.123", "1500994558,123", "1,500,994,558.123", "1.500.994.558,123", "1500994558123", "1.500994558123e12",
        "1500994558123000", "1500994558123000123",
    ],
    "2017-07-25T14:55:58.123456": ["1500994558123.456", "1500994558123456", "20170725145558123456", "1.500994558123456e9"],
    "2017-07-25T14:55:00": ["20170725T1455Z", "20170725T1455", "201707251455Z", "2017-07-25T14:55Z", "Jul 25, 2017 14:55"],
}
# fmt: on


@pytest.mark.parametrize("written", [(time, word) for time, words in SPELLINGS.items() for word in words])
def test_every_certain_spelling_of_a_time_is_read(written: tuple[str, str]) -> None:
    time, word = written
    times_us, broken, notices = read_times(pa.chunked_array([[word]]), Clock(), "flows.csv")
    assert (times_us.tolist(), broken.tolist(), notices) == ([micros(time)], [False], [])


@pytest.mark.parametrize(
    "word",
    [
        "Jul 25 14:55:58", "25-Jul-17 14:55:58", "17-Jul-25 14:55:58", "25/Jul/2017 14:55:58 CEST", "25/Juli/2017 14:55:58",
        "Wed, 25 Jul 2017 14:55:58 +0000", "31/Feb/2017 14:55:58", "25/Jul/2017", "14:55:58", "25/07/2017 14:55:99",
        "201707251455", "20171325T145558Z", "20170725T245558Z", "20170725T145558+9900", "18000725145558", "20170725",
        "1,500", "1,500,994,55", "1,500.994.558", "1,500,994,558,12", "15009945580", "1.5e10", "1.5", "1e400", "-1500994558",
        "42941.6222", "0", "99999999999999999999", "0x5977594e", "\u0661500994558", "",
    ],
)  # fmt: skip
def test_what_is_not_certain_is_no_time_and_named(word: str) -> None:
    times_us, broken, notices = read_times(
        pa.chunked_array([["2017-07-25T14:55:58Z", word]]), Clock(), "flows.csv"
    )
    assert (times_us.tolist(), broken.tolist()) == ([micros("2017-07-25T14:55:58"), 0], [False, True])
    (notice,) = notices
    assert (notice.name, notice.count) == ("times_unread", 1)
    assert repr(word) in notice.message


def test_zones_and_counts_are_utc_and_other_spellings_local() -> None:
    words = ["25/Jul/2017:11:55:58", "Jul 25, 2017 11:55:58", "20170725T115558", "20170725T145558Z"]
    words += ["25/Jul/2017:14:55:58 +0000", "1.500994558e9", "1,500,994,558", "20170725T165558+0200"]
    times_us, _, notices = read_times(pa.chunked_array([words]), Clock(utc_offset_h=-3), "flows.csv")
    assert times_us.tolist() == [micros("2017-07-25T14:55:58")] * len(words)
    assert notices == []


def test_counts_that_a_spreadsheet_rounded_are_read_with_a_warning(tmp_path: Path) -> None:
    found, said = starts(tmp_path, "1.5e9", "1.50099E+09")
    assert found == [micros("2017-07-14T02:40:00"), micros("2017-07-25T13:40:00")]
    assert said == {"times_rounded"}
    assert starts(tmp_path, "1.5e9", "1.500994558e9")[1] == set()  # %g drops zeros at the end


def test_a_clock_of_12_hours_is_asked_about_with_names_of_months_too(tmp_path: Path) -> None:
    found, said = starts(tmp_path, "3 Jul 2017 8:55", "3 Jul 2017 12:01", "3 Jul 2017 1:05")
    assert (found[2], said) == (micros("2017-07-03T01:05"), {"clock_assumed"})
    how = How("x", table_labels(), pm_below=8)
    assert starts(tmp_path, "3/Jul/2017 1:05", how=how) == ([micros("2017-07-03T13:05")], set())


def test_a_table_without_any_time_says_what_came(tmp_path: Path) -> None:
    imported = read(tmp_path, lines(row(Timestamp="42941.6222"), row(Timestamp="42941.6223")))
    assert imported.flows["start_us"].to_pylist() == [0, 0]
    messages = {notice.name: notice.message for notice in imported.notices}
    assert "'42941.6222'" in messages["times_unread"]
    assert "all are taken as 0" in messages["no_times"]


def test_user_says_the_order_and_the_clock(tmp_path: Path) -> None:
    found, said = starts(
        tmp_path,
        "3/7/2017 12:01",
        "3/7/2017 1:05",
        "3/7/2017 8:55",
        how=How("x", table_labels(), dates="mdy", pm_below=8),
    )
    assert found == [us("2017-03-07T12:01"), us("2017-03-07T13:05"), us("2017-03-07T08:55")]
    assert said == set()


@pytest.mark.parametrize(
    ("times", "how", "complaint"),
    [
        (["25/07/2017 1:00:00", "07/25/2017 1:00:00"], HOW, "dates of both orders: 25/7/2017 has the day first, 7/25/2017"),
        (["25/07/2017 1:00:00"], How("x", table_labels(), dates="mdy"), "--dates mdy, but there is 25/7/2017"),
        (["25/07/2017 14:00:00"], How("x", table_labels(), pm_below=8), "there is the hour 14"),
    ],
)  # fmt: skip
def test_contradicting_times_are_refused(tmp_path: Path, times: list[str], how: How, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"flows\.csv") as caught:
        starts(tmp_path, *times, how=how)
    assert complaint in str(caught.value)


def test_impossible_times_are_set_aside(tmp_path: Path) -> None:
    times = [
        "31/02/2017 1:00:00 PM",
        "14/07/2017 13:00:00 PM",
        "14/07/2017 24:00:00",
        "14/07/2017 10:61:00",
        "0/0/0 0:0",
        "9" * 30,
        "14/07/2017 9:00:00",
    ]
    imported = read(tmp_path, lines(*[row(Timestamp=time) for time in times]))
    assert imported.flows["start_us"].to_pylist() == [us("2017-07-14T09:00:00")]
    assert imported.broken["reason"].to_pylist() == ["Timestamp: no time"] * 6


def test_times_with_a_zone_and_counts_are_not_shifted(tmp_path: Path) -> None:
    how = How("x", table_labels(), utc_offset_h=-3)
    found, _ = starts(tmp_path, "1500022501", "2017-07-14T08:55:01Z", "14/07/2017 05:55:01 AM", how=how)
    assert found == [us("2017-07-14T08:55:01")] * 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (lines(row(**{"Src Port": "many"})), "none of 1 rows can be used; the first: Src Port: no number: 'a-b,10.0.0.1,many"),
        (lines(row()).replace("\na-b", "\nmore,a-b"), "none of 1 rows can be used; the first: not as many fields as the header (84)"),
        (lines(*ROWS).replace(",", "~"), "no flow table: 0 of 76 features found in its first line, cut at ','"),
        ("sep=;\n" + lines(*ROWS), "cut at ';'"),
    ],
)  # fmt: skip
def test_nothing_ends_with_success_and_no_flow(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=r"flows\.csv") as caught:
        read(tmp_path, text)
    assert complaint in str(caught.value)


def test_command_refuses_headers_without_rows_and_tells_equal_names_apart(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "flows.csv").write_text(lines(*ROWS[:1]))
    paths = [tmp_path / "a" / "flows.csv", tmp_path / "b" / "flows.csv"]
    assert import_tables(paths, HOW).flows["capture"].to_pylist() == [str(path) for path in paths]
    paths[0].write_text(lines())
    assert import_tables(paths, HOW).flows.num_rows == 1
    with pytest.raises(ValueError, match="a header and no row"):
        import_tables(paths[:1], HOW)


def test_labels_are_the_texts_as_written() -> None:
    # fmt: off
    assert read_labels("No: BENIGN\nYes: DOS\n1: A\n1.0: B\nnull: C\n'2020-01-01': D", "l.yaml") == {
        "no": "BENIGN", "yes": "DOS", "1": "A", "1.0": "B", "null": "C", "2020-01-01": "D",
    }
    # fmt: on
    for text in ("[a]", "a: [b]", "a:", "a: X\nA: Y", "a: b: c"):
        with pytest.raises(ValueError, match=r"l\.yaml"):
            read_labels(text, "l.yaml")


def test_command_reads_labels_that_are_words_for_truth_and_a_name_that_is_no_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9 [1]\n.csv")
    (tmp_path / name).write_text(lines(row(Label="No"), row(Label="Yes")))
    (tmp_path / "labels.yaml").write_text("No: BENIGN\nYes: DOS\n")
    command = [
        sys.executable,
        "-m",
        "iotids",
        "import",
        name,
        "--source",
        "my home",
        "--out",
        "t.parquet",
        "--labels",
        "labels.yaml",
    ]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    table = pq.read_table(tmp_path / "t.parquet")
    assert table["label"].to_pylist() == ["BENIGN", "DOS"]
    assert set(table["capture"].to_pylist()) == {"caf\\xe9 [1]\n.csv"}
    assert set(table["source"].to_pylist()) == {"my home"}
    assert "Traceback" not in done.stderr
