"""`make services`: real RabbitMQ, PostgreSQL and SeaweedFS for the tests, private and on loopback."""
