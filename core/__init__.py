"""The rules: data, jobs, people, queues and the commands that change them. No screens and no broker live here."""
