"""Many methods, the same image, metric and clock: comparisons and benchmarks."""
