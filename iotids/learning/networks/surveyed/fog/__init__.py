"""Room: [16] nodes of a fog that train on their own shares and exchange parameters.

`shares.node_shares` divides the rows, at random or by site; `coordinator.train_nodes` lets nodes train, averages what they send, and
counts rounds and bytes; a `nodes.Node` runs here or, by `processes.nodes_in_processes`, in a process of its own; `kind.FogKind` is the
kind of network. Equal shares that exchange after every step are central training.
"""
