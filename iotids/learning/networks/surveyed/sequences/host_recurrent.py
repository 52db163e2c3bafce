"""The paper's future work: a recurrent network (LSTM or GRU) over a host's last flows."""

from __future__ import annotations

from dataclasses import dataclass

from iotids.learning.contract import Origin
from iotids.learning.networks.layers.kind import check_settings, classifier, dense_layers
from iotids.learning.networks.layers.layer import Layer
from iotids.learning.networks.layers.recurrent import Gru, Lstm
from iotids.learning.networks.surveyed.sequences.tap_delay import WindowKind

CELLS = {"lstm": Lstm, "gru": Gru}


@dataclass(frozen=True)
class HostRecurrentSettings:
    """Flows in a window, the cell, and the widths of state and dense layer."""

    cell: str = "lstm"
    window: int = 10
    width: int = 64
    dense: int = 64
    scaling: str = "log"
    epochs: int = 50
    batch_size: int = 256
    optimiser: str = "adam"
    learning_rate: float = 0.001

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        check_settings(self, "window", "width", "dense", "epochs", "batch_size", "learning_rate")
        check_cell(self.cell)


def check_cell(cell: str) -> None:
    """Refuse an unknown cell (ValueError)."""
    if cell not in CELLS:
        raise ValueError(f"cell is {cell!r}; known are {', '.join(CELLS)}")


class HostRecurrentKind(WindowKind):
    """Each step is a flow of the host with all its features."""

    name = "host_recurrent"
    settings_type = HostRecurrentSettings
    origin = Origin(
        "the paper's future work: recurrent networks, over a host's flows",
        faithful=("LSTM, GRU",),
        adapted=("a window of flows of one initiator in one recording, on one side of a fold",),
        assumed=("window", "width", "dense", "scaling", "optimiser", "learning_rate", "epochs"),
    )

    def network(self, n_inputs: int, n_classes: int, settings: HostRecurrentSettings) -> Layer:
        """The state after the last flow, a dense layer, the logits."""
        steps = {"steps": settings.window, "channels": n_inputs // settings.window}
        hidden: list[Layer] = [CELLS[settings.cell](**steps, width=settings.width)]
        hidden += dense_layers([settings.width, settings.dense], "relu")
        return classifier(hidden, settings.dense, n_classes)
