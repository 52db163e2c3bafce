"""Room: a run of detect over captures."""
