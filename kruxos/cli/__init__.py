"""The command line: ``kruxos``.

main        the entry: finds the noun, loads its file, turns every failure into words and an exit code
one file a noun: setup, serve, status, chat, model, vault, worker, agent, usage, service, simulate, version and so on
user_service, starting, found_keys, local_models   what setup and service do on this machine
*_view      what a noun shows, as pure functions of what the gateway said
parsing, asking, failing, operating, terminal, table, moments   what the nouns share

A noun's file has ``add_parser(subparsers)`` and ``run(arguments) -> int``. Nothing is imported before it is needed: the
price of ``kruxos --help`` and ``kruxos status`` is paid many times a day.
"""
