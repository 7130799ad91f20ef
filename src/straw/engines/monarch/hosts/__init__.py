"""Generators and the trainer on other machines: `straw worker` there, a link of mutual TLS, and a process as here.

    address, places   tls://a:26100, read and refused; who goes where
    facts             what has to be equal on both sides
    host, hosts       a worker as the directing process sees it; all of them
    attachment        what a host holds of ours while a link lives: memory, weights that were pushed once
    remote, travel    a process on a host, with the face of `processes.process`; a checkpoint on its way
    wire/             certificates and TLS, a link of requests and answers, values as JSON: no pickle
    worker/           the other side: a session for whoever called, and the port that it listens at

Monarch stays what it is on one machine: it never listens beyond its wall, and knows nothing of other machines.
"""
