"""The data sheet says what this run's files say."""

from iotids.auditing.data_sheet import data_sheet

NUMBERS = {
    "rows": 1130,
    "classes": ["BENIGN", "DOS", "MITM"],
    "counts": {"D1": {"BENIGN": 500, "DOS": 300, "MITM": 30}, "D2": {"BENIGN": 300}},
    "duplicates": {"exact": {"copies_share": 0.125, "conflicting_rows": 16}},
}
SUMMARIES = {
    "D1": {"captures": 7, "flows": 830, "rules": {"a": 3, "b": 4}, "kept_apart": {}, "unlabelled": 0},
    "D2": {"captures": 2, "flows": 301, "rules": {}, "kept_apart": {"background": 1}, "unlabelled": 0},
}


def test_counts_copies_and_what_was_kept_apart_are_those_of_the_run():
    sheet = data_sheet("made", {"D1": "packet_filters", "D2": "folders"}, SUMMARIES, NUMBERS)
    assert "1,130 flows" in sheet and "12.5 % of the rows copy" in sheet and "16 rows share" in sheet
    assert "| D1 | 500 | 300 | 30 |" in sheet and "| D2 | 300 | 0 | 0 |" in sheet
    assert "| D1 | packet filters | 7 | 830 |" in sheet
    assert "| D2 | 0 | 1 | 0 |" in sheet


def test_rare_classes_and_those_of_one_source_are_warned_of():
    sheet = data_sheet("made", {"D1": "packet_filters", "D2": "folders"}, SUMMARIES, NUMBERS)
    assert "no score is certain: MITM." in sheet
    assert "learn the source instead: DOS, MITM." in sheet


def test_a_table_without_summaries_has_a_sheet_too():
    sheet = data_sheet("made", {"D1": "folders"}, {}, NUMBERS)
    assert "Labelling left no summary here." in sheet and "| D1 | folders | – | – |" in sheet
