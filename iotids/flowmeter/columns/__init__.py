"""Every column of a flow table, declared once.

`schema.py` has the features, the identity and the truth of a flow, `context.py` what its end points did before;
`groups.py` says which of them a model can see and which the flow meter writes where they are wanted.
"""
