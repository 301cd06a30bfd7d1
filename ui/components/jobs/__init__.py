"""Components that show jobs and act on them: the grid, its filters, the detail panel."""
