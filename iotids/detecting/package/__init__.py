"""Room: a detector on disk.

A package is a folder whose package.json says what the model is, wants and can do: `package.open_package` checks every byte before
anything is used, `package.seal_package` writes it. `inference.Model` runs its graphs, `model_card.model_card` describes it,
`find_package.find_package` finds the one that a person means.
"""
