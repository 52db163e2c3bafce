"""Room: the networks of the works that the paper compares itself with (Sec. III), and of its future work; a file each.

`deep.DeepKind`, `alert_net.AlertNetKind`, `sparse_autoencoder.SparseAutoencoderKind`, `conditional_vae.ConditionalVaeKind`: built of
`layers/`. What a source does not say is a setting with a default, named as an assumption in conf/network.
"""
