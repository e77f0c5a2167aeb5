"""What the demos of the examples share: a broker and a registry, an example's project, what is printed."""
