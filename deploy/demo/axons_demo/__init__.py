"""The demo: every part of Axons on one machine, started and stopped by one command. Never in a wheel."""
