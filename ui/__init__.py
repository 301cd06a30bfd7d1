"""What people and programs see: pages, the JSON API, the command line. Knows no broker."""
