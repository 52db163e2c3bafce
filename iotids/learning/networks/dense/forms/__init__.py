"""Room: smaller forms of a dense network, and forms for other runtimes.

`forms.export_forms` has them by name, each with a file, a writer and a runtime of its own; a form is published only where it agrees
with the network itself.
"""
