"""Side-by-side speed and memory runs: `python -m benchmarks`. Everything is printed as a ratio within one run."""
