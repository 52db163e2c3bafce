"""[17] Moustafa et al. 2019: AdaBoost over decision tree, Naive Bayes and a small neural network, on the features that
correntropy ranks first in the training rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.baselines.classical import (
    GaussianSettings,
    ScikitKind,
    TreeSettings,
    check_positive,
)
from iotids.learning.contract import Fitted, ModelKind, Origin, TrainingData, check_training
from iotids.learning.runs.onnx_model import OnnxModel

BEST_ERROR = 1e-6  # of a member without a fault: its vote stays finite


@dataclass(frozen=True)
class PerceptronSettings:
    """Arguments of scikit-learn's perceptron."""

    hidden_layer_sizes: tuple[int, ...] = (30,)
    max_iter: int = 30
    batch_size: int = 256


MEMBERS = {
    "tree": ScikitKind("tree", TreeSettings, "sklearn.tree.DecisionTreeClassifier"),
    "bayes": ScikitKind("bayes", GaussianSettings, "sklearn.naive_bayes.GaussianNB", "log"),
    "network": ScikitKind("network", PerceptronSettings, "sklearn.neural_network.MLPClassifier", "log"),
}


@dataclass(frozen=True)
class BoostedVoteSettings:
    """Members by name, joined by '-', that take turns in the rounds; how many of the ranked features they see."""

    members: str = "tree-bayes-network"
    rounds: int = 9
    n_features: int = 36
    tree_depth: int = 10
    hidden: int = 30
    epochs: int = 30
    ranked_rows: int = 1000

    def __post_init__(self) -> None:
        """Refuse unknown members and sizes below 1."""
        check_positive(self, "rounds", "n_features", "tree_depth", "hidden", "epochs", "ranked_rows")
        if unknown := [name for name in self.members.split("-") if name not in MEMBERS]:
            raise ValueError(
                f"members is {self.members!r}: unknown {', '.join(map(repr, unknown))}; known are {', '.join(MEMBERS)}, joined by '-'"
            )

    def of_member(self, name: str, n_rows: int) -> Any:
        """Settings of one member."""
        if name == "tree":
            return TreeSettings(max_depth=self.tree_depth)
        if name == "bayes":
            return GaussianSettings()
        return PerceptronSettings((self.hidden,), self.epochs, min(256, n_rows))


class BoostedVote(Fitted):
    """Members that vote, each with its weight.

    Parameters
    ----------
    columns : numbers of the features that members see
    """

    def __init__(
        self,
        members: Sequence[Fitted],
        weights: Sequence[float],
        columns: np.ndarray,
        *,
        n_classes: int,
        n_features: int,
    ) -> None:
        self.members, self.weights, self.columns = list(members), list(weights), columns
        self.n_classes, self.n_features = n_classes, n_features

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) each class's share of the votes."""
        x, votes = features[:, self.columns], np.zeros((len(features), self.n_classes))
        for member, weight in zip(self.members, self.weights, strict=True):
            votes[np.arange(len(x)), _verdicts(member, x)] += weight
        return votes / sum(self.weights)

    def to_onnx(self) -> bytes:
        """The members' graphs side by side."""
        from iotids.learning.baselines.onnx.composed import voted_onnx

        contents = [member.to_onnx() for member in self.members]
        sizes = {"n_features": self.n_features, "n_classes": self.n_classes}
        return voted_onnx(contents, self.weights, self.columns, **sizes)

    def save(self, folder: Path) -> None:
        """Write model.onnx: scikit-learn itself offers pickle only."""
        OnnxModel(self.to_onnx()).save(folder)

    def facts(self) -> dict[str, Any]:
        """How many members vote with which weights, on which features."""
        return {"members": len(self.members), "weights": self.weights, "columns": self.columns.tolist()}

    @property
    def model_bytes(self) -> int:
        """Size of the members."""
        return sum(member.model_bytes for member in self.members)


class BoostedVoteKind(ModelKind):
    """Moustafa, Turnbull, Choo: IEEE Internet of Things Journal 6(3), 2019."""

    name = "boosted_vote"
    trains_from_file = True
    settings_type = BoostedVoteSettings
    origin = Origin(
        "[17] Moustafa et al. 2019, AdaBoost over decision tree, Naive Bayes and neural network",
        "98.54 to 98.97 % accuracy on UNSW-NB15, 98.29 to 98.36 % on NIMS, two classes (quoted by the paper)",
        faithful=("the three members", "features ranked by correntropy", "AdaBoost's votes"),
        adapted=(
            "flow features of CICFlowMeter instead of features of DNS, HTTP and MQTT",
            "rows are drawn by their weight, because a perceptron takes no weights",
            "several classes by SAMME (Zhu et al. 2009)",
            "the ranking is made in each fold's training rows",
        ),
        assumed=(
            "rounds",
            "n_features (36 in the work's data)",
            "tree_depth",
            "hidden",
            "epochs",
            "ranked_rows",
        ),
    )

    def fit(self, data: TrainingData, settings: BoostedVoteSettings, *, seed: int) -> Fitted:
        """Rank, then boost: each round draws rows by weight, fits the next member, and weighs its faults more.

        A member worse than chance is left out; where all are, the first one votes alone.
        """
        from iotids.learning.baselines.surveyed.correntropy import correntropy_by_feature, least_alike

        check_training(data.features, data.truth, n_classes=data.n_classes)
        rng = np.random.default_rng(seed)
        attack = data.truth != data.classes.index(data.benign)
        similarity = correntropy_by_feature(data.features, attack, max_rows=settings.ranked_rows, rng=rng)
        columns = least_alike(similarity, settings.n_features)
        members, weights = _boosted(replace(data, features=data.features[:, columns]), settings, rng)
        sizes = {"n_classes": data.n_classes, "n_features": data.features.shape[1]}
        return BoostedVote(members, weights, columns, **sizes)

    def load(self, folder: Path) -> Fitted:
        """The ONNX form."""
        return OnnxModel.load(folder)


def _boosted(
    data: TrainingData, settings: BoostedVoteSettings, rng: np.random.Generator
) -> tuple[list[Fitted], list[float]]:
    """Members and their votes. Source: Zhu et al. 2009, algorithm 2 (SAMME)."""
    n, n_seen = data.truth.size, np.unique(data.truth).size
    names, shares = settings.members.split("-"), np.full(n, 1 / n)
    tried: list[tuple[Fitted, float]] = []
    for number in range(settings.rounds):
        name = names[number % len(names)]
        rows = rng.choice(n, n, p=shares) if number else np.arange(n)
        member = MEMBERS[name].fit(
            data.take(rows), settings.of_member(name, n), seed=int(rng.integers(2**31))
        )
        wrong = _verdicts(member, data.features) != data.truth
        error = float(np.clip(shares[wrong].sum(), BEST_ERROR, 1 - BEST_ERROR))
        vote = float(np.log((1 - error) / error) + np.log(max(n_seen - 1, 1)))
        tried.append((member, vote))
        if vote > 0:
            shares = shares * np.exp(vote * wrong)
            shares = shares / shares.sum()
    kept = [one for one in tried if one[1] > 0] or [(tried[0][0], 1.0)]
    return [member for member, _ in kept], [vote for _, vote in kept]


def _verdicts(member: Fitted, x: np.ndarray) -> np.ndarray:
    """(n,) class of largest score; float32, as the ONNX form has it."""
    return member.scores(x).astype(np.float32).argmax(axis=1)
