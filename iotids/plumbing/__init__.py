"""Room: how stages touch the world.

`params.read_section` reads params.yaml strictly, `errors.run_plainly` ends a program in one line, `progress.progress_bar` shows long
work, `parallel.parallel_map` divides it over cores or a Dask cluster.
"""
