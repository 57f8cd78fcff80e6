"""The cage around a worker: what it can still do once somebody else's code runs in it.

It is put on in the forked child while that is one thread, before it reads its link, so before there is a secret:

    limits     no core file, bounded memory, descriptors and file size; no capabilities
    linux      not dumpable: nobody of the same user reads its memory; no rights from a file's mode
    landlock   files: reading what Python needs, nothing else; TCP: connecting to the provider's ports
    seccomp    system calls: those that a worker needs, and of sockets only plain TCP connections

``places`` says which files Python needs; ``bpf`` assembles the filter that ``rules`` describes with the numbers of
``syscalls``; ``putting_on`` does it all in order and says what was achieved. Nothing here raises where the kernel lacks
something: the gateway decides by ``isolation:`` in models.yaml whether less is enough.

Everything is plain system calls by ctypes: no package for this is settled, and each would be one more to trust.
"""

from kruxos.launcher.cage.putting_on import WHOLE, Cage, prepare, put_on

__all__ = ["WHOLE", "Cage", "prepare", "put_on"]
