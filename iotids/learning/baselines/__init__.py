"""Room: classical and streaming models behind one contract."""
