"""`make bench-runner`: the runner beside plain scripts."""
