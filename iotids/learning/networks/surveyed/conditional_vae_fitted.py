"""A trained ID-CVAE: scores by reconstruction error, recovery of missing features, file, ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from iotids.learning.contract import Fitted
from iotids.learning.networks.layers.activations import sigmoid as sigmoid_of
from iotids.learning.networks.layers.chain import Chain
from iotids.learning.networks.layers.dense import Dense
from iotids.learning.networks.layers.fitted import (
    BLOCK_ROWS,
    FILE,
    UNSEEN_LOGIT,
    read_arrays,
    refusing,
    scaling_arrays,
    scaling_of_arrays,
    seen_part,
)
from iotids.learning.networks.layers.scaling import Scaling
from iotids.learning.networks.layers.stored import network_arrays, network_of_arrays
from iotids.learning.networks.layers.training import softmax

PARTS = ("encoder", "before", "after")


def bernoulli_error(logits: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Cross-entropy of values from 0 to 1 with the sigmoid of logits, elementwise."""
    return np.logaddexp(0, logits) - x * logits


class ConditionalVae(Fitted):
    """The encoder, the decoder before the label enters, and after it.

    Parameters
    ----------
    median : (d,) of the scaled training rows; stands for a feature that is missing
    """

    def __init__(
        self,
        scaling: Scaling,
        parts: Sequence[Chain],
        seen: np.ndarray,
        median: np.ndarray,
        trained_by: Mapping[str, Any],
    ) -> None:
        self.scaling, self.seen, self.median = scaling, np.asarray(seen, bool), median
        self.encoder, self.before, self.after = parts
        self.trained_by = dict(trained_by)

    def scores(self, features: np.ndarray) -> np.ndarray:
        """(n, k) softmax of minus the reconstruction error with each label; the smallest error scores most."""
        parts = [np.zeros((0, self.seen.size))]
        for start in range(0, len(features), BLOCK_ROWS):
            x = self.scaling(features[start : start + BLOCK_ROWS])
            errors = [bernoulli_error(logits, x).sum(axis=1, dtype=np.float64) for logits in self._decoded(x)]
            parts.append(-np.column_stack(errors))
        gains = np.concatenate(parts)
        best = gains[:, self.seen].max(axis=1, keepdims=True)
        return softmax(np.where(self.seen, gains - best, UNSEEN_LOGIT))

    def recover(
        self, features: np.ndarray, missing: np.ndarray, *, truth: np.ndarray | None = None, rounds: int = 5
    ) -> np.ndarray:
        """The features with the missing ones filled in.

        Parameters
        ----------
        features : (n, d); what stands at missing places is not looked at
        missing : (d,) or (n, d) bool
        truth : (n,) class of each flow; without it the label of least error over what is there
        rounds : how often what was recovered is given to the encoder again

        Raises
        ------
        ValueError
            A row has no feature left.
        """
        missing = np.broadcast_to(missing, features.shape)
        if len(features) and missing.all(axis=1).any():
            row = int(np.flatnonzero(missing.all(axis=1))[0])
            raise ValueError(
                f"the mask leaves no feature of row {row}, so there is nothing to recover it from"
            )
        x = np.where(missing, self.median, self.scaling(np.where(missing, 0.0, features))).astype(np.float32)
        for _ in range(rounds):
            decoded = np.stack([sigmoid_of(logits) for logits in self._decoded(x)])
            errors = np.where(missing, 0.0, (decoded - x) ** 2).sum(axis=2)
            best = errors[self.seen].argmin(axis=0)
            label = np.flatnonzero(self.seen)[best] if truth is None else truth
            x = np.where(missing, decoded[label, np.arange(len(x))], x)
        return np.where(missing, self.scaling.inverse(x), features)

    def _decoded(self, x: np.ndarray) -> list[np.ndarray]:
        """Logits of the features with each label; the latent values are their means."""
        mean = np.split(self.encoder.forward(x), 2, axis=1)[0]
        hidden, k = self.before.forward(mean), self.seen.size
        labels = np.eye(k, dtype=np.float32)
        with_label = [np.broadcast_to(label, (len(x), k)) for label in labels]
        return [self.after.forward(np.concatenate([hidden, one], axis=1)) for one in with_label]

    def to_onnx(self) -> bytes:
        """The decoder once per label: a label only moves the bias of the layer that it enters."""
        from iotids.learning.runs.onnx_graph import Part, cast, constant, model_bytes, node

        last, encoder = self.encoder.onnx("scaled", "encoder")
        latent = self.before.layers[0].values["kernel"].shape[0]
        cut = [constant(f"cut_{i}", np.array([value], np.int64)) for i, value in enumerate((0, latent, 1))]
        middle = Part([node("Slice", [last, "cut_0", "cut_1", "cut_2"], "latent")], cut)
        hidden, before = self.before.onnx("latent", "before")
        nodes, values = [cast("scaled", "wanted", np.float64)], []
        for k in range(self.seen.size):
            logits, part = self._with_label(k).onnx(hidden, f"label{k}")
            nodes += [
                *part.nodes,
                cast(logits, f"double{k}", np.float64),
                *softplus(f"double{k}", f"soft{k}"),
                node("Mul", [f"double{k}", "wanted"], f"match{k}"),
                node("Sub", [f"match{k}", f"soft{k}"], f"gain{k}"),
                node("ReduceSum", [f"gain{k}", "feature_axis"], f"fit{k}"),
            ]
            values += part.values
        values += [constant("feature_axis", np.array([1], np.int64)), constant("unit", np.array(1.0))]
        fits = [f"fit{k}" for k in range(self.seen.size)]
        seen_fits = [name for name, seen in zip(fits, self.seen, strict=True) if seen]
        nodes += [node("Concat", fits, "fits", axis=1), node("Concat", seen_fits, "seen_fits", axis=1)]
        nodes.append(node("ReduceMax", ["seen_fits"], "best", axes=[1]))
        nodes += [node("Sub", ["fits", "best"], "behind"), cast("behind", "errors", np.float32)]
        parts = [
            self.scaling.onnx(),
            encoder,
            middle,
            before,
            Part(nodes, values),
            seen_part("errors", self.seen),
        ]
        return model_bytes(parts, n_features=self.scaling.shift.size, n_classes=self.seen.size)

    def _with_label(self, k: int) -> Chain:
        """The decoder after the label, for one label."""
        first = self.after.layers[0]
        width = self.before.layers[0].values["bias"].size
        kernel, bias = first.values["kernel"], first.values["bias"]
        fixed = Dense(n_in=width, n_out=bias.size)
        fixed.values = {"kernel": kernel[:width], "bias": bias + kernel[width + k]}
        return Chain([fixed, *self.after.layers[1:]])

    def save(self, folder: Path) -> None:
        """Write model.npz."""
        arrays = scaling_arrays(self.scaling) | {"seen": self.seen, "median": self.median}
        for name in PARTS:
            arrays |= network_arrays(getattr(self, name), name)
        np.savez(folder / FILE, **arrays)  # type: ignore[arg-type]

    @staticmethod
    def load(folder: Path) -> ConditionalVae:
        """Read model.npz; ValueError where it is damaged."""
        arrays = read_arrays(folder)
        with refusing(folder):
            parts = [network_of_arrays(arrays, name) for name in PARTS]
            return ConditionalVae(scaling_of_arrays(arrays), parts, arrays["seen"], arrays["median"], {})

    def facts(self) -> dict[str, Any]:
        """Number of trained values, and what training says."""
        return {"parameters": self.model_bytes // 4} | self.trained_by

    @property
    def model_bytes(self) -> int:
        """Size of the values."""
        return sum(a.nbytes for name in PARTS for a in getattr(self, name).arrays().values())


def softplus(source: str, output: str) -> list[Any]:
    """log(1 + exp(x)) in float64, for which onnxruntime has no Softplus: max(x, 0) + log(1 + exp(-|x|))."""
    from iotids.learning.runs.onnx_graph import node

    steps = ("Abs", "Neg", "Exp")
    names = [source, *(f"{output}_{step}" for step in steps)]
    nodes = [node(step, [names[i]], names[i + 1]) for i, step in enumerate(steps)]
    return [
        *nodes,
        node("Add", [names[-1], "unit"], f"{output}_sum"),
        node("Log", [f"{output}_sum"], f"{output}_log"),
        node("Relu", [source], f"{output}_positive"),
        node("Add", [f"{output}_positive", f"{output}_log"], output),
    ]
