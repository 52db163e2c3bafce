"""What package.json and reference.json must hold, type by type: a package may come from anywhere, and a wrong
value is named before anything is computed with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from iotids.detecting.judging.abstention import NEVER
from iotids.flowmeter.profiles import PROFILES, rules_of

LONGEST_NAME, MOST_CLASSES, MOST_PROTOTYPES, MOST_EDGES = 200, 1_000, 10_000, 1_000
LARGEST = 1e300  # beyond, sums run into infinity
LARGEST_SCALED = 1e9  # of flows on the logarithmic scale: their squares fit float32
METER_KEYS = {"profile", "flow_timeout_s", "activity_timeout_s", "idle_timeout_s", "tunnels"}

Check = Callable[[Any], bool]


class ContentError(ValueError):
    """A value of a package that cannot be; the message says which and what is wanted."""


def is_text(value: Any) -> bool:
    """A short text."""
    return isinstance(value, str) and len(value) <= LONGEST_NAME


def is_texts(value: Any) -> bool:
    """A short list of texts."""
    return isinstance(value, list) and len(value) <= MOST_CLASSES and all(map(is_text, value))


def is_number(value: Any) -> bool:
    """A finite number."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and -LARGEST < value < LARGEST


def is_share(value: Any) -> bool:
    """A number from 0 to 1, or None where it is not known."""
    return value is None or (is_number(value) and 0 <= value <= 1)


def is_known_share(value: Any) -> bool:
    """A number from 0 to 1."""
    return value is not None and is_share(value)


def is_count(value: Any) -> bool:
    """A whole number of things."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 62


def with_keys(**checks: Check) -> Check:
    """A mapping that has these keys, each with a value that passes its check; None has to be written too."""
    return lambda value: (
        isinstance(value, Mapping) and all(k in value and check(value[k]) for k, check in checks.items())
    )


def is_score(value: Any) -> bool:
    """A metric of the cross-validation: value and std."""
    known = lambda x: x is None or is_number(x)  # noqa: E731
    return with_keys(value=known, std=known)(value)


def is_export(value: Any) -> bool:
    """What the manifest says of one further form."""
    if not with_keys(published=lambda flag: isinstance(flag, bool))(value):
        return False
    figures = with_keys(agreement=is_known_share, bytes=is_count, largest_probability_difference=is_number)
    return "agreement" not in value or figures(value)


def names_to(check: Check) -> Check:
    """A mapping of texts to what passes a check."""
    return lambda value: isinstance(value, Mapping) and all(is_text(k) and check(v) for k, v in value.items())


def list_of(check: Check, *, least: int = 0, most: int = 1 << 20) -> Check:
    """A list of what passes a check."""
    return lambda value: isinstance(value, list) and least <= len(value) <= most and all(map(check, value))


def wanted(where: str, value: Any, check: Check, what: str) -> None:
    """Refuse a value that does not pass."""
    if not check(value):
        shown = repr(value)
        raise ContentError(f"{where} is {shown[:60]}{'…' if len(shown) > 60 else ''}; it must be {what}")


def is_distinct(value: Any) -> bool:
    """A list of different short texts."""
    return list_of(is_text, least=1)(value) and len(set(value)) == len(value)


def check_manifest(manifest: Mapping[str, Any]) -> None:
    """Check the values of package.json; that the keys are there is known.

    Raises
    ------
    ContentError
    """
    for name in ("name", "task", "kind", "manifest_sha256"):
        wanted(name, manifest[name], is_text, "a text")
    classes = manifest["classes"]
    wanted("classes", classes, is_distinct, "a list of different names")
    wanted("classes", classes, lambda c: 2 <= len(c) <= MOST_CLASSES, "two classes or more")
    wanted("benign", manifest["benign"], lambda b: is_text(b) and b in classes, "one of the classes")
    wanted("features", manifest["features"], is_distinct, "a list of different names")
    _check_meter(manifest["meter"])
    is_file = names_to(with_keys(bytes=is_count, sha256=is_text))
    wanted("files", manifest["files"], is_file, "file names with bytes and sha256")
    wanted("doubts", manifest["doubts"], list_of(lambda d: isinstance(d, str)), "a list of sentences")
    lost = names_to(lambda why: isinstance(why, str))
    wanted("classes_not_found", manifest["classes_not_found"], lost, "class names with a reason each")
    wanted("versions", manifest["versions"], names_to(is_text), "names with versions")
    limits = list_of(lambda limit: isinstance(limit, str))
    wanted("known_limits", manifest.get("known_limits", []), limits, "a list of sentences")
    wanted("exports", manifest.get("exports", {}), names_to(is_export), "names with figures")
    wanted("data", manifest.get("data", ""), is_text, "a text")
    _check_figures(manifest)


def _check_meter(meter: Any) -> None:
    """The settings with which the flow meter is started."""
    wanted(
        "meter",
        meter,
        lambda m: isinstance(m, Mapping) and set(m) == METER_KEYS,
        f"settings {sorted(METER_KEYS)}",
    )
    known = lambda name: isinstance(name, str) and name in PROFILES  # noqa: E731
    wanted("meter.profile", meter["profile"], known, f"one of {', '.join(PROFILES)}")
    times = {name: meter[name] for name in ("flow_timeout_s", "activity_timeout_s", "idle_timeout_s")}
    for name, value in times.items():
        wanted(f"meter.{name}", value, is_number, "a number of seconds")
    wanted("meter.tunnels", meter["tunnels"], is_text, "inner or outer")
    try:
        rules_of(PROFILES[meter["profile"]], tunnels=meter["tunnels"], **times)
    except (ValueError, OverflowError) as error:
        raise ContentError(f"meter: {error}") from error


def _check_figures(manifest: Mapping[str, Any]) -> None:
    """Temperature, threshold, what they gave, and the training data."""
    calibration, point = manifest["calibration"], manifest["operating_point"]
    is_temperature = lambda t: is_number(t) and 1e-6 < t < 1e6  # noqa: E731
    for name, part in (
        ("calibration", calibration),
        ("operating_point", point),
        ("novelty", manifest["novelty"]),
    ):
        wanted(name, part, lambda p: isinstance(p, Mapping), "an object")
    wanted("calibration.temperature", calibration.get("temperature"), is_temperature, "a positive number")
    wanted("operating_point.log_odds", point.get("log_odds"), is_number, "a number")
    for name in ("attack_probability", "wanted_false_alarm_share"):
        wanted(f"operating_point.{name}", point.get(name), is_known_share, "a share")
    wanted("operating_point.split", point.get("split"), is_text, "the name of a split")
    wanted("operating_point.measured", point.get("measured"), _is_cost, "shares found, per class too")
    cells = lambda cost: cost.get("cells") is None or _is_cells(cost["cells"])  # noqa: E731
    unseen = lambda cost: cost is None or (_is_cost(cost) and cells(cost))  # noqa: E731
    wanted("operating_point.unseen_site", point.get("unseen_site"), unseen, "shares found, per class too")
    wanted(
        "operating_point.choices",
        point.get("choices", []),
        list_of(_is_choice, most=1_000),
        "a list of thresholds",
    )
    wanted("novelty.quantile", manifest["novelty"].get("quantile"), is_known_share, "a share")
    wanted("zero_point_share", manifest.get("zero_point_share"), is_share, "null, or a share")
    wanted("abstention", manifest.get("abstention"), _is_abstention, "null, or coverage and what it gave")
    training = manifest["training"]
    wanted("training", training, _is_training, "flows, and flows_per_class")
    splits = names_to(_is_split)
    wanted("cross_validation", manifest["cross_validation"], splits, "splits with {value, std} per metric")


_is_cost = with_keys(recall=is_share, false_alarm_share=is_share, recall_per_class=names_to(is_share))
_has_cells = with_keys(benign_right=is_share, attacks_found=is_share, auc_within_site=is_share)
_is_cells: Check = lambda value: _has_cells(value) and is_share(value.get("macro_f"))  # noqa: E731
_is_outcome = with_keys(covered=is_known_share, abstained=is_known_share, wrong=is_known_share)
_has_abstention = with_keys(
    coverage=is_known_share,
    guarantee=is_text,
    split=is_text,
    held_out=_is_outcome,
    unseen_site=lambda outcome: outcome is None or _is_outcome(outcome),
)
_is_abstention: Check = lambda value: value is None or _has_abstention(value)  # noqa: E731
_has_counts = with_keys(flows=is_count, flows_per_class=names_to(is_count))
_is_training: Check = lambda value: _has_counts(value) and is_texts(value.get("recordings", []))  # noqa: E731
_is_never_predicted = with_keys(**{"class": is_text, "folds": is_count, "tested": is_count})


def _is_choice(value: Any) -> bool:
    """Another threshold and what it gives."""
    return _is_cost(value) and with_keys(log_odds=is_number, wanted_false_alarm_share=is_share)(value)


def _is_split(value: Any) -> bool:
    """The figures of one split of the cross-validation."""
    if not with_keys(figure=is_text)(value) or not list_of(_is_never_predicted)(value.get("unpredicted", [])):
        return False
    return all(is_score(v) for k, v in value.items() if k not in ("folds", "figure", "unpredicted"))


def check_reference(reference: Any, manifest: Mapping[str, Any]) -> None:
    """Check the values of reference.json against the features and classes of the manifest.

    Raises
    ------
    ContentError
    """
    d = len(manifest["features"])
    wanted("the content", reference, lambda r: isinstance(r, Mapping), "an object")
    row = list_of(is_number, least=d, most=d)
    wanted("benign_median", reference.get("benign_median"), row, f"{d} numbers")
    wanted(
        "drift",
        reference.get("drift"),
        list_of(_is_drift, least=d, most=d),
        f"edges and shares of {d} features",
    )
    novelty = reference.get("novelty")
    wanted("novelty", novelty, lambda n: isinstance(n, Mapping), "an object")
    small = list_of(lambda value: is_number(value) and abs(value) < LARGEST_SCALED, least=d, most=d)
    wanted("novelty.centre", novelty.get("centre"), small, f"{d} numbers")
    spread = lambda s: small(s) and all(v > 1 / LARGEST_SCALED for v in s)  # noqa: E731
    wanted("novelty.spread", novelty.get("spread"), spread, f"{d} positive numbers")
    many = list_of(small, least=1, most=MOST_PROTOTYPES)
    wanted("novelty.prototypes", novelty.get("prototypes"), many, f"rows of {d} numbers")
    above = lambda t: is_number(t) and t > 0  # noqa: E731
    wanted("novelty.threshold", novelty.get("threshold"), above, "a positive number")
    edges = lambda p: p is None or _are_edges(p, manifest["classes"])  # noqa: E731
    wanted(
        "possible_classes",
        reference.get("possible_classes"),
        edges,
        "null, or coverage and a number per class",
    )
    rising = lambda values: list_of(is_number, least=1)(values) and values == sorted(values)  # noqa: E731
    wanted(
        "log_odds_quantiles",
        reference.get("log_odds_quantiles"),
        names_to(rising),
        "rising numbers per class",
    )


def _are_edges(value: Any, classes: list[str]) -> bool:
    """A coverage, and the log-odds of attack at which each class begins or ends to be possible."""
    is_edge = lambda edge: edge is None or edge == NEVER or is_number(edge)  # noqa: E731
    if not with_keys(coverage=is_known_share, log_odds=names_to(is_edge))(value):
        return False
    return all(name in value["log_odds"] for name in classes)


def _is_drift(value: Any) -> bool:
    """Edges of bins, and the share of flows in each."""
    if not isinstance(value, Mapping):
        return False
    edges, shares = value.get("edges"), value.get("shares")
    if not list_of(is_number, least=1, most=MOST_EDGES)(edges) or not list_of(is_number)(shares):
        return False
    assert isinstance(edges, list)
    assert isinstance(shares, list)
    return len(shares) == len(edges) + 1 and edges == sorted(edges) and all(0 <= s <= 1 for s in shares)
