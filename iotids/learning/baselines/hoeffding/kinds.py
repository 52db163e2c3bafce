"""Hoeffding trees as kinds: what they are called and set with; the trees are in river_tree.py and vfdt.py."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from iotids.learning.contract import CrossValidation, Fitted, ModelKind, RunContext, TrainingData
from iotids.learning.data.folds import Fold

LEAVES = ("majority", "bayes", "adaptive")


@dataclass(frozen=True)
class HoeffdingSettings:
    """Weka's -G 200, -E 1e-7, -H 0.05, -M 0.01."""

    grace_period: int = 200
    delta: float = 1e-7
    tau: float = 0.05
    min_branch_fraction: float = 0.01


@dataclass(frozen=True)
class VfdtSettings(HoeffdingSettings):
    """As above; `leaf` is what a leaf answers with (Weka's -L 0, 1, 2)."""

    leaf: str = "adaptive"

    def __post_init__(self) -> None:
        """Refuse another leaf."""
        if self.leaf not in LEAVES:
            raise ValueError(f"leaf {self.leaf!r}; known are {', '.join(LEAVES)}")


class VfdtKind(ModelKind):
    """The project's own tree; it is also run once in order of time, tested on every flow before it learns it."""

    name = "vfdt"
    settings_type = VfdtSettings
    by_order = True
    trains_from_file = True
    exports_onnx = False

    def fit(self, data: TrainingData, settings: VfdtSettings, *, seed: int) -> Fitted:
        """One pass in seeded order."""
        from iotids.learning.baselines.hoeffding.vfdt import Vfdt

        model = Vfdt(**asdict(settings))
        model.fit(data.features, data.truth, n_classes=data.n_classes, seed=seed)
        return model

    def load(self, folder: Path) -> Fitted:
        """The nodes."""
        from iotids.learning.baselines.hoeffding.vfdt import Vfdt

        return Vfdt.load(folder)

    def fit_folds(
        self,
        data: TrainingData,
        splits: Mapping[str, Sequence[Fold]],
        settings: VfdtSettings,
        *,
        seed: int,
        orders: int,
        context: RunContext,
    ) -> CrossValidation:
        """The folds, and the run in order of time."""
        from iotids.learning.baselines.hoeffding.prequential import run_in_time_order

        run = super().fit_folds(data, splits, settings, seed=seed, orders=orders, context=context)
        return replace(run, prequential=run_in_time_order(data, settings))
