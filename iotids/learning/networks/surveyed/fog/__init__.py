"""Room: [16] nodes of a fog that train on their own shares and exchange parameters."""
