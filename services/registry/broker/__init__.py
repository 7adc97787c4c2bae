"""Who may do what at the broker: logins of nodes, made and removed over RabbitMQ's management API."""
