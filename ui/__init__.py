"""What people and programs use: pages, the JSON API, the command line. Nothing here knows the broker."""
