"""The wire: bodies to records and back, and nothing else. No request is known here, no clock, no state."""
