"""All layouts of a model on a cluster at once, ranked."""
