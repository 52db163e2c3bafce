"""Room: tables to models and scores."""
