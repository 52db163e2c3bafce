"""What `iotids evaluate` prints of a package's cross-validation: over flows, by capture, and at its threshold."""

from iotids.detecting.calibrating.evaluate import out_of_fold_table
from iotids.detecting.package.package import open_package
from tests.detecting.test_contents import sealed_again


def test_every_split_has_both_weights_and_the_threshold_where_it_was_measured(package_copy):
    def changed(manifest):
        scores = {
            "folds": 4,
            "figure": "all 4 folds pooled",
            "accuracy": {"value": 0.4, "std": None, "by_capture": 0.2},
        }
        manifest["cross_validation"] |= {"environment": scores, "stratified": {**scores, "figure": "mean"}}
        own = manifest["operating_point"]
        own["unseen_site"] = own["measured"] | {
            "split": "environment",
            "false_alarm_share": 0.42,
            "recall": 0.5,
        }

    package = open_package(sealed_again(package_copy, changed))
    rows = {row[0].split(",")[0]: row[1:] for row in out_of_fold_table(package)}
    assert rows["grouped"][:2] == ("0.900 ± 0.100", "–")  # a package without the weight of captures
    assert rows["environment"][:2] == ("0.400", "0.200")
    assert rows["environment"][2].startswith("50.0 % (") and rows["environment"][2].endswith(" at 42.0 %")
    assert rows["grouped"][2].endswith(" %") and rows["stratified"][2] == "–"
