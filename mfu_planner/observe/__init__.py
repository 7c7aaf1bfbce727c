"""Readers of what a running job leaves behind (logs, profiler traces), and a meter for one's own loop."""
