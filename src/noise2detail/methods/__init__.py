"""One published method a file, thin over the engine."""
