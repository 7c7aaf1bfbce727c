"""The units that answers are printed in, in SI: the only place where these factors stand."""

HOUR = 3600.0
"""Seconds."""
DAY = 24 * HOUR
"""Seconds."""
KWH = 1000 * HOUR
"""Joules."""
