"""What may be odd in a legacy database, looked for before anything is changed and told all at once."""
