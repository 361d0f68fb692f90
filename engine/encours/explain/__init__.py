"""How one published figure came about, through the same functions as the run."""
