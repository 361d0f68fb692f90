"""Pages about a published run, made from its tables and manifest and from nothing else."""
