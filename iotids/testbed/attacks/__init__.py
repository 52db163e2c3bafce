"""What attackers do: floods, ARP spoofing, scans, and a Mirai bot; packets for a file, never for a network."""
