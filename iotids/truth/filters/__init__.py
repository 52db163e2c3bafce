"""Room: the languages of packet filters, and how packets are matched against them."""
