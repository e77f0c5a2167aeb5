"""The recovery folder of a run, and the offsets at which its partitions begin."""
