"""Parts about demo mode: the operators' panel, the creators' presets and sentences."""
