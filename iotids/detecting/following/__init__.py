"""Room: captures that appear and grow in a folder (`detect --follow`), each read once as it is written.

`FollowedFolder` gives one `Piece` after the other; `watch` hears of writers from the system, `growing_file`
reads a file whose end is not yet written.
"""
