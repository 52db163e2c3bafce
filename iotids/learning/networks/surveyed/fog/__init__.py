"""Room: [16] nodes of a fog that train on their own shares and exchange parameters.

`shares.node_shares` divides the rows, at random or by site; `nodes.train_nodes` trains and exchanges, and counts rounds and bytes;
`kind.FogKind` is the kind of network. Equal shares that exchange after every step are central training.
"""
