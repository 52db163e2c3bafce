"""Packets to flows, flows to labelled datasets, datasets to trained detectors: the library below the DAG of
stages/.
"""

__version__ = "0.2.0"
