"""Room: pictures of the report, and the data behind them.

`plots.new_figure` and its neighbours give every picture the same colours and type; `pictures.all_pictures` draws those of a report;
`confusion` and `reliability` hold what DVC and MLflow plot from.
"""
