"""Room: the networks of the works that the paper compares itself with (Sec. III), and of its future work; a file each."""
