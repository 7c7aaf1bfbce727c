"""What the published runs say, read from their index in a millisecond."""
