"""A day of a course on a simulated clock, decided by the service's own scaling policy (`make simulate`)."""
