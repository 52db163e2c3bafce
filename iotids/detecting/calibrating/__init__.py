"""Room: an operating point for one site.

`calibration_run.calibrate_on` reads benign captures, chooses a threshold by `operating_point`'s rules and checks it on recordings left
out; `site_file.read_point` reads what it wrote, for the same package only. `evaluate` says what a package does on labelled flows.
"""
