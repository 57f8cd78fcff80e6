"""models.yaml and the data directory.

Reading order: ``model`` (what the rest of the program sees), ``load`` (text to that, or every problem with its
line), ``edit`` (changes that leave the rest of the file as it is), ``models_file`` (both for the file on disk),
``difference`` (what a reload has to touch). Beneath: ``tree`` (YAML with places), ``syntax`` (YAML's errors in plain
words), ``pasted`` (keys that do not belong here), ``schema`` and ``resolve`` (what may be written and what it means),
``surgery`` (text in, text out). ``directory``, ``lock`` and ``files`` are the data directory, for ``kruxos.vault``
and ``kruxos.ledger`` too. pydantic is imported by ``schema`` alone.

These are libraries under one lock: whoever writes here holds ``lock.DirectoryLock``.
"""
