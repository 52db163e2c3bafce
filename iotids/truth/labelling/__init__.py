"""Room: which class a flow has, whatever format the ground truth comes in.

`labelling.label_captures` takes a source's flows capture by capture through a truth of `formats/`, and puts every flow where it belongs:
labelled, apart, or refused. `flow_labels.CaptureLabels` is what a truth says, `notices.Notice` what a person should know beside it.
"""
