"""Components that pages are built from, one folder per subject."""
