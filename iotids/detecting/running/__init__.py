"""Room: a run of detect over captures.

`command_line.parse_arguments` reads what was typed, `sources.open_capture` opens what it names, `session.Session` takes flows through
the judge into files and totals, `runs.judge_captures` does so capture by capture, `stop.Stop` ends it cleanly on a signal.
"""
