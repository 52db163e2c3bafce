"""Room: what attackers do: floods, ARP spoofing, scans, and a Mirai bot; packets for a file, never for a network.

Each file is one attack with the figures it was modelled on; it puts packets and their truth on a `tape.Tape` of the room above.
"""
