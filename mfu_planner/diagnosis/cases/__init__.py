"""Runs whose cause is known, and how many the diagnosis finds: ``python -m mfu_planner.diagnosis.cases``."""
