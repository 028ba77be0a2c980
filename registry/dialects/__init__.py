"""What differs between databases: connecting, locking, bulk insertion, a few types."""
