"""A stack calibrated on the user's own runs: reading them, fitting, the run to make next."""
