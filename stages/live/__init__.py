"""Room: live traffic. The flow meter without waiting: packets as they arrive, flows as soon as they are over."""
