"""Ground truth in the file formats of the published datasets."""
