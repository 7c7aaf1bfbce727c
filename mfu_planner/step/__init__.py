"""One training step of a case: its time by cause, its memory, its FLOPs."""
