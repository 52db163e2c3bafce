"""Room: public datasets, fetched and checked."""
