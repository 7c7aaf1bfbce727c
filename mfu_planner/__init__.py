"""MFU Planner: plan a training run, and turn observed throughput into MFU."""
