"""Room: smaller forms of a dense network, and forms for other runtimes."""
