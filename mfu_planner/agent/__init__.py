"""The planner's calls as tools for an agent: typed in and out, the same errors, files below one folder only."""
