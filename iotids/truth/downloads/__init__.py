"""Room: public datasets, fetched and checked; nothing is fetched unless a person asks for it.

`file_list.read_catalogue` says what a dataset consists of, `resuming.ResumingDownloader` goes on where a connection broke,
`checksums.is_here` compares, `unpacking.unpack_captures` takes out captures and nothing else.
"""
