"""Room: trained detectors in use. Packages, verdicts, calibration, novelty, reasons, drift, reports, exports."""
