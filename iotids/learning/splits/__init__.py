"""Room: which rows train and which rows test."""
