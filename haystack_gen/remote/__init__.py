"""Files in object stores: fetched into the cache, and sent from it."""
