"""What every step of a flow needs, from its topic to its failures."""
