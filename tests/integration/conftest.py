from tests.kafka.fixtures import kafka, kafka_here, new_kafka, new_topic  # noqa: F401
