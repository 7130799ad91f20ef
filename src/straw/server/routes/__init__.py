"""The endpoints of the protocol."""
