"""What all three processes tell their operator: logs, metrics and traces.

Runs on both Pythons and imports nothing of ours (docs/decisions/0008). docs/operations.md says what is told.
"""
