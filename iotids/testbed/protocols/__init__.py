"""Room: what hosts say to each other: one file per protocol, real message formats, invented content.

`http.fetch` is typical: a function per exchange, over a conversation of the room above; `ciphertext.ciphertext` looks encrypted.
"""
