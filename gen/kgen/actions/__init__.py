"""What the commands do, a module each: from a request to a result. Nothing here prints."""
