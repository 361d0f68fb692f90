"""One module per measure: columns in, columns out; no file, no clock, no environment."""
