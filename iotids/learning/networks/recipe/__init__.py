"""Room: the paper's recipe of training taken apart, and a network whose recipe is chosen inside the training fold."""
