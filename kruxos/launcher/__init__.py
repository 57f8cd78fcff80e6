"""The launcher: a process that has everything imported and forks workers in a few milliseconds.

``process`` is what runs there, ``channel`` what it and the supervisor say to each other, ``linux`` the kernel calls,
``cage`` what is put around each worker, ``inheritance`` what that has from here.
The launcher opens no nng socket, runs no event loop and holds no secret. Its death costs no worker.
"""
