"""How to reach Kafka: the settings of its clients, and making them."""
