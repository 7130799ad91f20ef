"""Replies for many tenants in one batch that anybody joins and leaves at any token."""
