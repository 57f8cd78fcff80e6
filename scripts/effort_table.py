"""Puts the table of efforts between its markers in docs/providers.md."""

from __future__ import annotations

from pathlib import Path

from kruxos import catalog
from kruxos.operations.efforts import markdown

PAGE = Path(__file__).resolve().parent.parent / "docs/providers.md"
BEGIN, END = "<!-- efforts: scripts/effort-table writes this -->\n", "<!-- end of efforts -->\n"


def with_table(page: str) -> str:
    """The page with the table as the code has it, on the day of the catalogue."""
    day = max(row.as_of for row in catalog.models())
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown(day)}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
