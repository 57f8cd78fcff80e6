"""Provider protocols, both ways and without I/O.

A dialect turns a request into the bytes that a provider takes and the provider's bytes into events; for the HTTP
doors and the simulator it does the same the other way round. ``kruxos.dialects.base`` is the contract.
"""
