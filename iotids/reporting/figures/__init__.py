"""Room: pictures of the report, and the data behind them."""
