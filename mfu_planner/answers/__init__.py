"""The answers to questions: each command's function and its result."""
