"""Flow tables of every generation of CICFlowMeter become ours; what does not fit is named and kept."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from iotids.commands.import_table import import_tables
from iotids.flowmeter.columns.schema import CORRECTED_EXTRAS, FEATURES, IDENTITY
from iotids.truth.imports.cic_tables import How, Imported, import_table
from iotids.truth.imports.column_names import match_header, words_of
from iotids.truth.labelling.truth_files import table_labels
from tests.shared import SHARED, needs_shared

HOW = How("elsewhere", table_labels())
V4 = [column.cic_name for column in (*IDENTITY, *FEATURES) if column.cic_name] + ["Label"]
V3 = [
    " Destination Port",
    " Flow Duration",
    " Total Fwd Packets",
    " Total Backward Packets",
    "Total Length of Fwd Packets",
    " Total Length of Bwd Packets",
    " Fwd Packet Length Max",
    " Fwd Packet Length Min",
    " Fwd Packet Length Mean",
    " Fwd Packet Length Std",
    "Bwd Packet Length Max",
    " Bwd Packet Length Min",
    " Bwd Packet Length Mean",
    " Bwd Packet Length Std",
    "Flow Bytes/s",
    " Flow Packets/s",
    " Flow IAT Mean",
    " Flow IAT Std",
    " Flow IAT Max",
    " Flow IAT Min",
    "Fwd IAT Total",
    " Fwd IAT Mean",
    " Fwd IAT Std",
    " Fwd IAT Max",
    " Fwd IAT Min",
    "Bwd IAT Total",
    " Bwd IAT Mean",
    " Bwd IAT Std",
    " Bwd IAT Max",
    " Bwd IAT Min",
    "Fwd PSH Flags",
    " Bwd PSH Flags",
    " Fwd URG Flags",
    " Bwd URG Flags",
    " Fwd Header Length",
    " Bwd Header Length",
    "Fwd Packets/s",
    " Bwd Packets/s",
    " Min Packet Length",
    " Max Packet Length",
    " Packet Length Mean",
    " Packet Length Std",
    " Packet Length Variance",
    "FIN Flag Count",
    " SYN Flag Count",
    " RST Flag Count",
    " PSH Flag Count",
    " ACK Flag Count",
    " URG Flag Count",
    " CWE Flag Count",
    " ECE Flag Count",
    " Down/Up Ratio",
    " Average Packet Size",
    " Avg Fwd Segment Size",
    " Avg Bwd Segment Size",
    " Fwd Header Length",
    "Fwd Avg Bytes/Bulk",
    " Fwd Avg Packets/Bulk",
    " Fwd Avg Bulk Rate",
    " Bwd Avg Bytes/Bulk",
    " Bwd Avg Packets/Bulk",
    "Bwd Avg Bulk Rate",
    "Subflow Fwd Packets",
    " Subflow Fwd Bytes",
    " Subflow Bwd Packets",
    " Subflow Bwd Bytes",
    "Init_Win_bytes_forward",
    " Init_Win_bytes_backward",
    " act_data_pkt_fwd",
    " min_seg_size_forward",
    "Active Mean",
    " Active Std",
    " Active Max",
    " Active Min",
    "Idle Mean",
    " Idle Std",
    " Idle Max",
    " Idle Min",
    " Label",
]


def row(**values: object) -> dict[str, object]:
    """A V4 row: two packets in a tenth of a second."""
    plain: dict[str, object] = dict.fromkeys(V4, 0) | {
        "Flow ID": "a-b",
        "Src IP": "10.0.0.1",
        "Dst IP": "10.0.0.2",
        "Timestamp": "26/05/2019 10:11:06 PM",
        "Flow Duration": 100_000,
        "Total Fwd Packet": 1,
        "Total Bwd packets": 1,
        "Flow Packets/s": 20.0,
        "Label": "Benign",
    }
    return plain | values


def table(
    folder: Path, *rows: dict[str, object], header: list[str] | None = None, encoding: str = "utf-8"
) -> Path:
    path = folder / "flows.csv"
    header = header or V4
    lines = [",".join(header), *(",".join(str(one.get(name, 0)) for name in header) for one in rows)]
    path.write_bytes(("\n".join(lines) + "\n").encode(encoding))
    return path


def names(imported: Imported) -> dict[str, str]:
    return {notice.name: notice.severity for notice in imported.notices}


def test_every_column_has_words_of_its_own() -> None:
    columns = [column for column in (*IDENTITY, *FEATURES, *CORRECTED_EXTRAS) if column.cic_name]
    assert len({words_of(column.cic_name) for column in columns}) == len(columns)


def test_v3_header_of_79_columns_is_understood_up_to_its_duplicate() -> None:
    matching = match_header(V3)
    assert len(V3) == 79
    assert matching.unknown == ()
    assert [V3[place].strip() for place, _ in matching.again] == ["Fwd Header Length"]
    assert set(matching.missing) == {"flow_id", "src_ip", "src_port", "dst_ip", "protocol", "start_us"}


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("TotLen_Fwd_Pkts", "fwd_bytes"),
        ("totlen_bwd_pkts", "bwd_bytes"),
        ("Tot Bwd Pkts", "bwd_packets"),
        ("Pkt Len Var", "packet_variance_bytes2"),
        ("flow_byts_s", "flow_bytes_per_s"),
        ("Fwd Byts/b Avg", "fwd_bulk_bytes"),
        ("fwd_blk_rate_avg", "fwd_bulk_bytes_per_s"),
        ("min_seg_size_forward", "fwd_header_min_bytes"),
        ("Init Bwd Win Byts", "bwd_init_window_bytes"),
        ("act_data_pkt_fwd", "fwd_data_packets"),
        ("CWE Flag Count", "cwr_flags"),
        ("cwr_flag_count", "cwr_flags"),
        (" Source IP", "src_ip"),
        ("Fwd Header Length.1", "fwd_header_bytes"),
        ("Pkt_Size_Avg", "packet_average_bytes"),
        ("Total Connection Flow Time", "connection_duration_us"),
    ],
)
def test_spelling_is_understood(spelling: str, name: str) -> None:
    assert list(match_header([spelling]).columns) == [name]


def test_values_and_label_arrive_in_our_columns_and_units(tmp_path: Path) -> None:
    imported = import_table(table(tmp_path, row(**{"Flow IAT Mean": 12.5, "Label": "BENIGN"})), HOW)
    (only,) = imported.flows.to_pylist()
    assert (only["src_ip"], only["flow_duration_us"], only["flow_iat_mean_us"]) == ("10.0.0.1", 100_000, 12.5)
    assert only["start_us"] == 1_558_908_666_000_000
    assert (only["source"], only["group"], only["label"]) == ("elsewhere", "flows.csv", "BENIGN")


def test_order_of_columns_does_not_matter(tmp_path: Path) -> None:
    first = import_table(table(tmp_path, row()), HOW).flows
    assert import_table(table(tmp_path, row(), header=V4[::-1]), HOW).flows.equals(first)


def test_seconds_become_microseconds_when_the_rates_say_so(tmp_path: Path) -> None:
    imported = import_table(
        table(tmp_path, row(**{"Flow Duration": 0.1, "Flow IAT Max": 0.1, "Idle Max": 7.0})), HOW
    )
    (only,) = imported.flows.to_pylist()
    assert (only["flow_duration_us"], only["flow_iat_max_us"], only["idle_max_us"]) == (
        100_000,
        100_000.0,
        7e6,
    )
    assert names(imported)["unit_converted"] == "info"


def test_milliseconds_are_recognised_too(tmp_path: Path) -> None:
    assert import_table(table(tmp_path, row(**{"Flow Duration": 100})), HOW).flows[
        "flow_duration_us"
    ].to_pylist() == [100_000]


def test_mixed_units_are_refused_with_counts(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mixed units \(1 rows in s, 2 rows in µs"):
        import_table(table(tmp_path, row(), row(**{"Flow Duration": 0.1}), row()), HOW)


def test_local_time_is_shifted_to_utc(tmp_path: Path) -> None:
    path = table(tmp_path, row())
    here, there = (
        import_table(path, HOW).flows,
        import_table(path, How("x", table_labels(), utc_offset_h=9)).flows,
    )
    assert here["start_us"][0].as_py() - there["start_us"][0].as_py() == 9 * 3_600_000_000


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("03/07/2017 08:55:58", 1_499_072_158_000_000),
        ("7/7/2017 3:30", 1_499_398_200_000_000),
        ("2022-02-17 14:30:40.233170", 1_645_108_240_233_170),
        ("2022-02-17 14:30:40.233", 1_645_108_240_233_000),
        ("17/02/2022 02:30:40 PM", 1_645_108_240_000_000),
    ],
)
def test_time_in_every_layout_is_read(tmp_path: Path, text: str, time_us: int) -> None:
    assert import_table(table(tmp_path, row(Timestamp=text)), HOW).flows["start_us"].to_pylist() == [time_us]


def test_nan_and_infinity_are_numbers_and_stay_for_the_cleaning(tmp_path: Path) -> None:
    flows = import_table(
        table(tmp_path, row(), row(**{"Flow Bytes/s": "Infinity"}), row(**{"Flow Bytes/s": "NaN"})), HOW
    ).flows
    assert flows["flow_bytes_per_s"].to_pylist()[1] == math.inf
    assert math.isnan(flows["flow_bytes_per_s"].to_pylist()[2])


def test_broken_rows_are_kept_apart_with_their_reason(tmp_path: Path) -> None:
    header_again = dict(zip(V4, V4, strict=True))
    path = table(
        tmp_path,
        row(),
        row(**{"Flow IAT Min": "many"}),
        row(Timestamp="noon"),
        header_again,
        row(**{"SYN Flag Count": 1.5}),
    )
    path.write_text(path.read_text() + "1,2,3\n")
    imported = import_table(path, HOW)
    assert imported.flows.num_rows == 1
    assert sorted(imported.broken["reason"].to_pylist()) == [
        "Flow IAT Min: no number",
        "SYN Flag Count: no number",
        "Src Port: no number",
        "Timestamp: no time",
        "not as many fields as the header",
    ]
    assert "1,2,3" in imported.broken["line"].to_pylist()
    assert names(imported)["broken_rows"] == "warning"


def test_unknown_columns_are_named_and_kept_apart(tmp_path: Path) -> None:
    imported = import_table(table(tmp_path, row(usage="train"), header=[*V4, "usage"]), HOW)
    assert imported.unknown.to_pydict() == {"row": [0], f"usage [{len(V4) + 1}]": ["train"]}
    assert "usage" not in imported.flows.column_names
    assert names(imported)["unknown_columns"] == "warning"


def test_column_that_comes_twice_is_compared(tmp_path: Path) -> None:
    same = import_table(table(tmp_path, row(), header=[*V4, "Fwd Header Length"]), HOW)
    assert names(same)["column_again"] == "info"
    other = import_table(table(tmp_path, row(fwd_header_len=5), header=[*V4, "fwd_header_len"]), HOW)
    assert names(other)["column_again"] == "warning"
    assert other.flows["fwd_header_bytes"].to_pylist() == [0]


def test_missing_feature_is_refused_and_a_misspelling_suggested(tmp_path: Path) -> None:
    header = ["Idel Max" if name == "Idle Max" else name for name in V4 if name != "Bwd IAT Std"]
    with pytest.raises(ValueError, match="missing features: Bwd IAT Std, Idle Max \\(is it 'Idel Max'\\?\\)"):
        import_table(table(tmp_path, row(), header=header), HOW)


def test_misspelt_label_column_is_kept_apart_and_suggested(tmp_path: Path) -> None:
    imported = import_table(table(tmp_path, row(Labelb="Benign"), header=[*V4[:-1], "Labelb"]), HOW)
    assert "label" not in imported.flows.column_names
    assert imported.unknown.column_names == ["row", f"Labelb [{len(V4)}]"]
    assert next(notice.message for notice in imported.notices if notice.name == "no_label").startswith(
        "flows.csv: no column of labels; is it 'Labelb'?"
    )


def test_missing_feature_can_be_taken_as_nan(tmp_path: Path) -> None:
    header = [name for name in V4 if name not in {"Bwd IAT Std", "SYN Flag Count"}]
    flows = import_table(
        table(tmp_path, row(), header=header), How("x", table_labels(), fill_missing=True)
    ).flows
    assert math.isnan(flows["bwd_iat_std_us"][0].as_py())
    assert math.isnan(flows["syn_flags"][0].as_py())


def test_label_without_a_class_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="labels without a class: 'Worm'"):
        import_table(table(tmp_path, row(Label="Worm")), HOW)


@pytest.mark.parametrize("label", ["NeedManualLabel", "No Label"])
def test_unlabelled_table_has_no_truth_columns(tmp_path: Path, label: str) -> None:
    assert "label" not in import_table(table(tmp_path, row(Label=label)), HOW).flows.column_names


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read_and_named(tmp_path: Path, encoding: str) -> None:
    how = How("x", table_labels() | {"web attack – xss": "WEB"})
    imported = import_table(table(tmp_path, row(Label="Web Attack – XSS"), encoding=encoding), how)
    assert imported.flows["label"].to_pylist() == ["WEB"]
    assert ("not_utf8" in names(imported)) == (encoding != "utf-8-sig")


@pytest.mark.parametrize("content", ["", "\n\n", "a,b\n1,2\n"])
def test_what_is_no_flow_table_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"x\.csv: (empty|no flow table)"):
        import_table(path, HOW)


def test_header_alone_is_an_empty_table_with_a_warning(tmp_path: Path) -> None:
    imported = import_table(table(tmp_path), HOW)
    assert imported.flows.num_rows == 0
    assert names(imported)["no_rows"] == "warning"


def test_files_with_and_without_labels_are_not_joined(tmp_path: Path) -> None:
    for name, label in (("a", "Benign"), ("b", "No Label")):
        (tmp_path / name).mkdir()
        table(tmp_path / name, row(Label=label))
    with pytest.raises(ValueError, match="other columns than"):
        import_tables([tmp_path / "a" / "flows.csv", tmp_path / "b" / "flows.csv"], HOW)


@needs_shared
@pytest.mark.parametrize(
    ("name", "n_found", "n_rows", "noticed"),
    [
        (
            "IoT_2020_b_0.01_fs",
            25,
            4_168,
            {"missing_features", "missing_identity", "no_times", "times_unread", "unit_assumed"},
        ),
        (
            "cic_0.01km",
            19,
            18_868,
            {"missing_features", "missing_identity", "unknown_columns", "no_label", "unit_assumed"},
        ),
    ],
)
def test_published_tables_with_a_choice_of_features_are_refused_or_taken_with_every_gap_named(
    name: str, n_found: int, n_rows: int, noticed: set[str]
) -> None:
    path = SHARED / f"captures/tables/{name}.first2of3.csv"
    with pytest.raises(ValueError, match=f"{n_found} of 76 features found"):
        import_table(path, HOW)
    imported = import_table(path, How("x", {"0": "BENIGN", "1": "DOS"}, fill_missing=True))
    assert (imported.flows.num_rows, imported.broken.num_rows, set(names(imported))) == (n_rows, 0, noticed)


@needs_shared
def test_published_iotid20_rows_arrive() -> None:
    imported = import_table(SHARED / "captures/tables/IoTID20_sample_5rows_86cols.csv", HOW)
    assert imported.flows.select(["label", "sublabel"]).to_pylist()[:2] == [
        {"label": "MIRAI", "sublabel": "Mirai-Ackflooding"},
        {"label": "DOS", "sublabel": "DoS-Synflooding"},
    ]
    assert imported.flows["flow_duration_us"].to_pylist() == [75, 5310, 141, 151, 153]
    assert imported.unknown.column_names == ["row", "Label [84]"]


@needs_shared
@pytest.mark.parametrize("generation", ["original", "corrected", "legacy-2019-10", "legacy-2020-02"])
def test_golden_tables_arrive_value_by_value(generation: str) -> None:
    n_files = 0
    for path in sorted((SHARED / "golden").glob(f"*/{generation}.csv")):
        with path.open(encoding="utf-8", newline="") as stream:
            header, *rows = csv.reader(stream)
        if not rows:
            continue
        imported = import_table(path, HOW)
        assert imported.broken.num_rows == 0
        assert imported.unknown.num_columns == 1
        places = match_header(header).columns
        for name in (column.name for column in FEATURES):
            wanted = np.array([float(line[places[name]].replace("Infinity", "inf")) for line in rows])
            np.testing.assert_array_equal(
                imported.flows[name].to_numpy().astype(np.float64), wanted, err_msg=f"{path} {name}"
            )
        n_files += 1
    assert n_files > 25


@needs_shared
def test_python_ports_seconds_become_microseconds_in_all_86_tables() -> None:
    paths = sorted((SHARED / "captures/allkahra_testbed/csv").glob("*/*.csv"))
    imported = [import_table(path, HOW) for path in paths]
    flows = pa.concat_tables([part.flows for part in imported if part.flows.num_rows])
    seconds = np.concatenate(
        [
            np.array(
                [
                    float(line["flow_duration"])
                    for line in csv.DictReader(path.open(encoding="utf-8", newline=""))
                ]
            )
            for path in paths
        ]
    )
    np.testing.assert_array_equal(flows["flow_duration_us"].to_numpy(), np.rint(seconds * 1e6))
    assert not any(part.broken.num_rows for part in imported)
