"""`make bench-service`: the service's figures, measured over HTTP on real servers."""
