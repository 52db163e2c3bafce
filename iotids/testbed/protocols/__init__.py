"""What hosts say to each other: one file per protocol, real message formats, invented content."""
