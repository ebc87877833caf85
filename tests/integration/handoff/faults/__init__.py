"""NOTE: written by two; test_storage, test_servers, test_clock, test_half_open and storage.py are the faults helper's."""
