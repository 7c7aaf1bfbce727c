"""The units that answers are printed in, in SI: the only place where these factors stand."""

MINUTE = 60.0
"""Seconds."""
HOUR = 60 * MINUTE
"""Seconds."""
DAY = 24 * HOUR
"""Seconds."""
KWH = 1000 * HOUR
"""Joules."""
