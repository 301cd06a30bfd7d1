"""Parts of the page Analytics."""
