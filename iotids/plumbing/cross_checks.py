"""What the sections of params.yaml must have in common: names that are known, runs that are trained before they are
scored, kinds of model that can be packed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from iotids.detecting.packing.check import check_configurations
from iotids.flowmeter.columns.groups import CARRIED, FLOW, OPTIONAL, split_groups
from iotids.flowmeter.columns.own import OWN
from iotids.flowmeter.profiles import profile_named, rules_of
from iotids.learning.baselines.registry import BASELINES
from iotids.learning.contract import SOURCE_ONLY, ModelKind
from iotids.learning.data.flow_columns import TASKS
from iotids.learning.data.training_data import seen_features
from iotids.learning.networks.registry import NETWORKS
from iotids.learning.splits.makers import SPLITS
from iotids.plumbing.params import read_data
from iotids.truth.formats.contract import read_options
from iotids.truth.formats.registry import FORMATS
from iotids.truth.published.source import PUBLISHED

Params = Mapping[str, Mapping[str, Any]]
WRITING = (
    "keep_going",
    "columns",
    "max_bytes",
)  # of section meter: what is read and written, not what a flow is


def check_data(params: Params) -> Iterator[str]:
    """Sources of known kinds with options that these have; the meter's rules can be made."""
    read_data()
    for name, entry in params["data"]["sources"].items():
        if entry.get("kind") not in FORMATS:
            yield f"data.sources.{name}.kind is {entry.get('kind')!r}; known are {', '.join(FORMATS)}"
        else:
            read_options(name, entry, FORMATS[entry["kind"]].options)
    yield from check_keep(params)
    meter = {key: value for key, value in params["meter"].items() if key not in WRITING}
    try:
        rules_of(profile_named(meter.pop("profile")), **meter)
    except ValueError as error:
        yield f"section meter: {error}"


def check_keep(params: Params) -> Iterator[str]:
    """`integrate.keep` names sources, alone or with a class; sites that only a truth file names are checked by `integrate`."""
    sources, classes = params["data"]["sources"], params["data"]["classes"]
    kinds = [FORMATS[entry["kind"]] for entry in sources.values() if entry.get("kind") in FORMATS]
    for name in params["integrate"]["keep"]:
        source, _, label = name.partition("/")
        if (label and label not in classes) or not (source in sources or any(k.names_sites for k in kinds)):
            yield from outside("integrate.keep", [name], sources)


def check_choices(params: Params) -> Iterator[str]:
    """Words of which a few are known."""
    yield from outside("label.unlabelled", [params["label"]["unlabelled"]], ("error", "apart"))
    yield from outside("label.missing_captures", [params["label"]["missing_captures"]], ("error", "warn"))
    yield from outside("split.attack_column", [params["split"]["attack_column"]], ("label", "sublabel"))
    yield from outside("split.kinds", params["split"]["kinds"], SPLITS)
    yield from outside("baseline.tasks", params["baseline"]["tasks"], TASKS)
    if params["split"]["folds"] < 2:
        yield f"split.folds is {params['split']['folds']}; cross-validation wants 2 or more"


def check_features(params: Params) -> Iterator[str]:
    """Columns that are metered, kept and seen by models go together."""
    yield from outside("meter.columns", params["meter"]["columns"], OPTIONAL)
    kept = params["integrate"]["features"]
    published = [entry.get("kind") == PUBLISHED for entry in params["data"]["sources"].values()]
    if OWN in kept or any(published):
        yield from _check_own(params, published)
        return
    split_groups(kept)
    yield from outside("integrate.features", kept, [FLOW, *params["meter"]["columns"]])
    for where, kind in named_kinds(params):
        groups = [] if kind.sees == SOURCE_ONLY else list(kind.sees)
        groups += [name for name, columns in CARRIED.items() if {c.name for c in columns} & set(kind.inputs)]
        if lacking := [group for group in groups if group not in kept]:
            yield f"{where}, which sees {', '.join(lacking)}; integrate.features are {', '.join(kept)}"


def _check_own(params: Params, published: list[bool]) -> Iterator[str]:
    """A published table has features of its own, and stands alone; kinds that see more than features are left out."""
    if not all(published):
        yield "data.sources has published tables beside captures; a dataset is one or the other"
    if params["integrate"]["features"] != [OWN]:
        yield f"integrate.features are {', '.join(params['integrate']['features'])}; of a published table it is [{OWN}]"
    for where, kind in named_kinds(params):
        try:
            seen_features(kind, [OWN])
        except ValueError as error:
            yield f"{where}: {error}"
    if params["final"]["configurations"]:
        yield "final.configurations wants flows to make a detector of; of a published table it is []"


def named_kinds(params: Params) -> Iterator[tuple[str, ModelKind]]:
    """Kinds of the models that are trained, each with where it is named; unknown ones are said elsewhere."""
    for section, known in (("network", NETWORKS), ("baseline", BASELINES)):
        for name in params[section]["models"]:
            kind = (params[section]["settings"].get(name) or {}).get("kind", name)
            if kind in known:
                yield f"{section}.models has {name!r}", known[kind]


def check_runs(params: Params) -> Iterator[str]:
    """What is scored is trained, what is trained on is split."""
    for section in ("network", "baseline", "score"):
        yield from outside(f"{section}.splits", params[section]["splits"], params["split"]["kinds"])
    yield from outside("score.baselines", params["score"]["baselines"], params["baseline"]["models"])
    yield from outside("score.networks", params["score"]["networks"], params["network"]["models"])
    yield from outside("score.tasks", params["score"]["tasks"], params["baseline"]["tasks"])


def check_packages(params: Params) -> Iterator[str]:
    """Every configuration of `final` is trained, and of a kind that has an ONNX form."""
    names = {stage: params[stage]["models"] for stage in ("network", "baseline")}
    known = [f"{stage}/{task}-{name}" for stage, own in names.items() for task in TASKS for name in own]
    wanted = [f"{one['stage']}/{one['run']}" for one in params["final"]["configurations"]]
    yield from outside("final.configurations", wanted, known)
    yield from outside("final.split", [params["final"]["split"]], params["network"]["splits"])
    check_configurations(params)


def outside(key: str, given: Iterable[Any], known: Iterable[Any]) -> Iterator[str]:
    """A fault for every value that is none of the known ones."""
    known = list(known)
    yield from (
        f"{key} has {value!r}; known are {', '.join(map(str, known))}"
        for value in given
        if value not in known
    )


CHECKS = (check_data, check_choices, check_features, check_runs, check_packages)


def found_by(check: Callable[[Params], Iterator[str]], params: Params) -> list[str]:
    """The faults that a check finds, the one that it raises included."""
    found: list[str] = []
    try:
        found.extend(check(params))
    except (KeyError, ValueError) as error:
        found.append(str(error.args[0]))
    return found
