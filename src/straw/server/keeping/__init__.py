"""What lies on the disk: the journal of requests, and folders of weights."""
