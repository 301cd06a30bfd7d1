"""Demo mode's content: the presets, the source of demo rows, and the dashboard's figures.

The jobs that switch demo mode on and off are in `core.operations`.
"""
