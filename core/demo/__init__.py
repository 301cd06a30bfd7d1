"""Demo mode's content: what a preset holds, where its rows come from, and the figures drawn from them."""
