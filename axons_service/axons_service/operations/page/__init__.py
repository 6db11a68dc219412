"""The operators' page: pools, machines, queues, stuck jobs, dead letters and the day's cost, and what may be done."""
