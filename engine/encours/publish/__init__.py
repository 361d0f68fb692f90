"""Stage, verify and commit what a run publishes; read what earlier runs published."""
