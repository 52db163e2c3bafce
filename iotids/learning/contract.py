"""What learns: the contract that every network and every baseline keeps, so that nobody else knows layers or
libraries.

A kind of model (`ModelKind`) says what it is given and fits; what it has fitted (`Fitted`) gives one score
per class, is saved without pickle, and, where the kind exports, is an ONNX graph from features to logits.
`iotids.learning.registry` finds a kind by its name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from iotids.flowmeter.columns.groups import FLOW, features_of
from iotids.learning.data.flow_columns import check_finite
from iotids.learning.data.folds import Fold
from iotids.learning.data.mapped_rows import rows_of
from iotids.learning.runs.checkpoints import Store
from iotids.learning.runs.settings import read_settings

SOURCE_ONLY = ("source",)  # what an oracle sees


@dataclass(frozen=True)
class TrainingData:
    """The flows of one task, row by row.

    Attributes
    ----------
    features : (n, d) float64, or float32 for kinds that say so; no identity column is among them
    truth : (n,) int64 index of each flow's class in `classes`
    classes : class names in the order of scores
    benign : the class that is no attack
    start_us : (n,) int64 start of the flow; with `group` it gives the order of flows within a recording
    group : (n,) number of the recording; flows of different groups are never neighbours
    source : (n,) number of the data set that the flow comes from
    inputs : optional further inputs of a flow by name, each (n, ...): a sequence of packets, a context
    feature_names : of the columns of `features`; empty where the caller has none
    spare : nobody reads `features` after a fit, which may work in their memory
    """

    features: np.ndarray
    truth: np.ndarray
    classes: tuple[str, ...]
    benign: str
    start_us: np.ndarray
    group: np.ndarray
    source: np.ndarray
    inputs: Mapping[str, np.ndarray] = field(default_factory=dict)
    feature_names: tuple[str, ...] = ()
    spare: bool = False

    @property
    def n_classes(self) -> int:
        """Number of classes, those without a flow included."""
        return len(self.classes)

    def take(self, rows: np.ndarray) -> TrainingData:
        """The flows of some rows, in their order; arrays are copies, and `spare`."""
        inputs = {name: values[rows] for name, values in self.inputs.items()}
        parts = (self.start_us[rows], self.group[rows], self.source[rows])
        same = (self.classes, self.benign)
        names = self.feature_names
        return TrainingData(
            rows_of(self.features, rows),
            self.truth[rows],
            *same,
            *parts,
            inputs=inputs,
            feature_names=names,
            spare=True,
        )


@dataclass(frozen=True)
class FoldResult:
    """One fitted and tested fold.

    Attributes
    ----------
    split, fold : which rows were trained on and tested
    rows : (n,) int64 test rows of the dataset, ascending
    truth : (n,) int8 class numbers
    scores : (n, k) float32
    record : what folds.json says of it (iotids.learning.runs.run_folder lists the keys)
    order : number of the order of the training rows; 0 unless the kind is fitted in several
    """

    split: str
    fold: int
    rows: np.ndarray
    truth: np.ndarray
    scores: np.ndarray
    record: dict[str, Any] = field(default_factory=dict)
    order: int = 0


@dataclass(frozen=True)
class CrossValidation:
    """What the folds of all splits gave.

    Attributes
    ----------
    results : in the order of splits, orders, folds
    model : of the first split's first fold
    history : columns of history.parquet (split, fold, epoch, ...); empty for a kind without epochs
    prequential : (rows, scores) of a run that tests, then trains, in order of time; None for most kinds
    """

    results: list[FoldResult]
    model: Fitted
    history: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    prequential: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class RunContext:
    """What a cross-validation is given to work with.

    Attributes
    ----------
    store : keeps finished parts, so that a run that was broken off continues
    map_jobs : applies a function to every item, side by side where that pays; results in the items' order
    report_progress : is called with one line per epoch or finished part
    n_threads : threads that a kind may compute in; results do not depend on it
    """

    store: Store
    map_jobs: Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]] = lambda function, items: [
        function(item) for item in items
    ]
    report_progress: Callable[[str], None] = lambda line: None
    n_threads: int = 1


class Fitted(ABC):
    """A fitted model. Inputs are never written to."""

    @abstractmethod
    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) float64 scores of (n, d) features, rows summing to 1; 0 for a class not seen in training."""

    def score_rows(self, data: TrainingData, rows: np.ndarray) -> np.ndarray:
        """(m, k) scores of some rows; kinds that look at a flow's neighbours or further inputs override it."""
        return self.scores(rows_of(data.features, rows))

    @abstractmethod
    def save(self, folder: Path) -> None:
        """Write the model into a folder that exists; `ModelKind.load` reads it."""

    def to_onnx(self) -> bytes:
        """An ONNX model, `features` (n, d) float64 -> `logits` (n, k) float32, with softmax(logits) = scores.

        Scaling is inside. Raises NotImplementedError for kinds with `exports_onnx = False`.
        """
        raise NotImplementedError(f"{type(self).__name__} has no ONNX form")

    def gradient_onnx(self) -> bytes | None:
        """An ONNX model for reasons: `features` (n, d) float64, `direction` (n, k) float32 -> `gradient` (n, d) float32.

        The gradient of the sum over classes of direction x logit with respect to the features, unscaled as
        they are given. None for kinds without a gradient: reasons come from occlusion then.
        """
        return None

    def export_forms(self) -> Mapping[str, ExportForm]:
        """Further forms by name (smaller, or for other runtimes); none by default."""
        return {}

    def facts(self) -> dict[str, Any]:
        """What a reader may want to know of the fitted model: its size, the feature it chose, whether it converged."""
        return {}

    @property
    @abstractmethod
    def model_bytes(self) -> int:
        """Size of the fitted values in bytes."""


@dataclass(frozen=True)
class Origin:
    """Where a kind comes from, for reports and the tags of runs.

    Attributes
    ----------
    work : author, year, and what the model is called there
    printed : the work's own figure and data set, as printed or quoted; '' where none is known
    faithful : what is as the work says
    adapted : what differs, and why
    assumed : settings that no source gives
    """

    work: str
    printed: str = ""
    faithful: tuple[str, ...] = ()
    adapted: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExportForm:
    """A further form of a fitted model.

    Attributes
    ----------
    file : name in a package, for example 'model.int8.onnx'
    write : (m, d) float64 features that integer forms learn their ranges from -> content of the file
    logits : path of the file, (n, d) float64 features -> (n, k) float32 logits, on the form's own runtime
    needs : what a user of the file must do before it, for example {'normalise': {'mean': [...], ...}}
    """

    file: str
    write: Callable[[np.ndarray], bytes]
    logits: Callable[[Path, np.ndarray], np.ndarray]
    needs: Mapping[str, Any] = field(default_factory=dict)


class ModelKind(ABC):
    """A kind of model: what it is called, what it is given, how it is fitted.

    Importing and naming a kind is cheap: heavy libraries are imported by the methods. The same seed gives the
    same scores on the same machine.

    Attributes
    ----------
    name : in parameters and folds.json
    settings_type : frozen dataclass of its settings; `__post_init__` refuses values that cannot work
    sees : groups of features (iotids.flowmeter.columns.groups) in the order in which they are given; or
        `SOURCE_ONLY`: the number of the flow's source and nothing else, for an oracle
    inputs : names of further inputs that it needs (`TrainingData.inputs`)
    any_features : takes the own features of a published table instead of those of a flow; False for kinds that
        look for certain columns
    dtype : of the features it is given
    limit : these are below it in size; None: as the dtype allows (training_data.limit_of)
    held_features : times that a fit holds its features at once, for estimates of memory; an assumption, of which tests/bench/bench_peaks.py
        has checked Gaussian naive Bayes
    by_order : fitted again with several orders of the training rows
    trains_from_file : takes features that are mapped from a file, so that they need not fit in memory
    exports_onnx : whether what it fits can be packed, judged, explained, calibrated and served
    origin : the work that describes it; None for those of the paper and of textbooks
    """

    name: str
    settings_type: ClassVar[type]
    sees: tuple[str, ...] = (FLOW,)
    inputs: tuple[str, ...] = ()
    any_features: bool = True
    dtype: type = np.float64
    limit: float | None = None
    held_features: float = 2.5
    by_order: bool = False
    trains_from_file: bool = False
    exports_onnx: bool = True
    origin: Origin | None = None

    def settings(self, given: Mapping[str, Any]) -> Any:
        """Settings from a mapping; missing ones get their defaults.

        Raises
        ------
        KeyError, ValueError
            An unknown name, a value of another type or one that cannot work.
        """
        return read_settings(self.settings_type, given, where=self.name)

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns of `TrainingData.features`."""
        return SOURCE_ONLY if self.sees == SOURCE_ONLY else features_of(self.sees)

    def own_settings(self, section: Mapping[str, Any]) -> dict[str, Any]:
        """Those entries of a section of params.yaml that are settings of this kind."""
        names = {f.name for f in fields(self.settings_type)}
        return {key: value for key, value in section.items() if key in names}

    @abstractmethod
    def fit(self, data: TrainingData, settings: Any, *, seed: int) -> Fitted:
        """Fit on every row. A class may have no flow; one class alone is learned as such or refused."""

    @abstractmethod
    def load(self, folder: Path) -> Fitted:
        """What `Fitted.save` wrote. Nothing foreign is executed; a damaged file gives a ValueError."""

    def fit_folds(
        self,
        data: TrainingData,
        splits: Mapping[str, Sequence[Fold]],
        settings: Any,
        *,
        seed: int,
        orders: int,
        context: RunContext,
    ) -> CrossValidation:
        """Fit and test every fold of every split; by default one after the other, or side by side.

        Finished folds are kept in the context's store. Fold f of order o is fitted with seed + f + 1000 o.
        """
        from iotids.learning.runs.cross_validation import fit_each_fold

        n_orders = orders if self.by_order else 1
        return fit_each_fold(self, data, splits, settings, seed=seed, orders=n_orders, context=context)

    def bytes_needed(
        self,
        n_rows: int,
        n_features: int,
        n_classes: int,
        splits: Mapping[str, Sequence[Fold]],
        settings: Any,
    ) -> int:
        """Estimate of the memory that training takes; by default that of the features and of one fit."""
        return self.matrix_bytes(n_rows, n_features) + self.fit_bytes(n_features, splits)

    def fit_bytes(self, n_features: int, splits: Mapping[str, Sequence[Fold]]) -> int:
        """Estimate of the memory that the largest fit takes, its copy of the training rows included."""
        most_rows = max((fold.train_rows.size for folds in splits.values() for fold in folds), default=0)
        return int(self.held_features * np.dtype(self.dtype).itemsize * most_rows * n_features)

    def matrix_bytes(self, n_rows: int, n_features: int) -> int:
        """The share of `bytes_needed` that the features take: twice, while they are handed over."""
        return 2 * np.dtype(self.dtype).itemsize * n_rows * n_features


def find_kind(name: str, kinds: Mapping[str, ModelKind]) -> ModelKind:
    """The kind of this name.

    Raises
    ------
    KeyError
        No such kind; the message lists the known ones.
    """
    if name not in kinds:
        raise KeyError(f"kind of model {name!r}; known are {', '.join(kinds)}")
    return kinds[name]


def configured(
    model: str,
    settings: Mapping[str, Any],
    kinds: Mapping[str, ModelKind],
    shared: Mapping[str, Any] | None = None,
) -> tuple[ModelKind, Any]:
    """Kind and settings of a model that conf/ names.

    Parameters
    ----------
    model : name of the model, for example dl4
    settings : by model, {"kind": ..., and what this model sets}; without "kind" the model is called as its kind
    kinds : the known kinds by name
    shared : values for every model; a kind takes those that are settings of it

    Raises
    ------
    KeyError, ValueError
        An unknown kind or setting, or a value that cannot work; the message names the known ones.
    """
    own = dict(settings.get(model) or {})
    name = own.pop("kind", model)
    if name != model and name not in kinds:
        raise KeyError(f"model {model}: kind of model {name!r}; known are {', '.join(kinds)}")
    kind = find_kind(name, kinds)
    return kind, kind.settings(kind.own_settings(shared or {}) | own)


def check_training(features: np.ndarray, truth: np.ndarray, *, n_classes: int) -> None:
    """Refuse training data that no model can use.

    Raises
    ------
    ValueError
        No rows, shapes that do not meet, class numbers out of range, NaN or infinity; the message says which
        and where.
    """
    if features.ndim != 2 or truth.shape != (features.shape[0],):
        raise ValueError(
            f"features have shape {features.shape} and classes {truth.shape}; wanted are (n, d) and (n,)"
        )
    if truth.size == 0:
        raise ValueError(
            "the training part of the fold has no rows; look at the split's JSON for what was left out and why"
        )
    if truth.min() < 0 or truth.max() >= n_classes:
        raise ValueError(
            f"class numbers run from {truth.min()} to {truth.max()}; with {n_classes} classes they are 0 to {n_classes - 1}"
        )
    check_finite(features)


def spread_scores(scores: np.ndarray, seen: np.ndarray, n_classes: int) -> np.ndarray:
    """(n, n_classes): the scores of the classes seen in training, in the columns of all classes.

    Parameters
    ----------
    scores : (n, len(seen)) float
    seen : class numbers in column order
    """
    full = np.zeros((scores.shape[0], n_classes))
    full[:, np.asarray(seen, int)] = scores
    return full
