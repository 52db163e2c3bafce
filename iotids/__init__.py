"""Packets to flows, flows to labelled datasets, datasets to trained detectors: the library below the DAG of
stages/.
"""
