"""The commands of the command line, a module each: flags in, exit codes out."""
