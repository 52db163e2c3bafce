"""Room: from run folders to the paper's tables and figures. Reads tables and documents, writes strings,
tables and figures; no files.
"""
