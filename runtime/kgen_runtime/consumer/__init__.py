"""Reading topics: from the broker's bytes to typed messages in a flow, at exact offsets."""
