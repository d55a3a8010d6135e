"""The diary as one HTML page that needs nothing but itself: tables that sort, a picture, links to the stages' pages."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape
from string import Template
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def diary_page(
    tables: Mapping[tuple[str, str], tuple[pd.DataFrame, str]], pages: Mapping[str, Mapping[str, str]], figure: Figure | None
) -> str:
    """The page.

    tables: as :func:`kaggle_utils.evidence.diary.tables` makes them; pages: competition -> stage -> link to its page
    figure: home score against leaderboard, None where there is none to show
    """
    linked = [f"<p>{escape(name)}, latest pages: {_links(links)}</p>" for name, links in pages.items() if links]
    sections = [_section(*group, *table) for group, table in tables.items()]
    return _PAGE.substitute(body="\n".join([*linked, _picture(figure) if figure else _NO_SCORES, *sections]))


def _links(links: Mapping[str, str]) -> str:
    return ", ".join(f'<a href="{escape(link)}">{escape(name)}</a>' for name, link in links.items())


def _picture(figure: Figure) -> str:
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=160)
    content, width = base64.b64encode(file.getvalue()).decode(), round(100 * figure.get_figwidth())
    return f'<img src="data:image/png;base64,{content}" width="{width}" alt="Score at home against score on the leaderboard">'


def _section(competition: str, stage: str, table: pd.DataFrame, same: str) -> str:
    rows = table.reset_index().to_html(index=False, border=0)  # it escapes what it is given
    return f"<h2>{escape(competition)} {escape(stage)}</h2>\n<div>{rows}</div>\n<p>{escape(same)}</p>"


_NO_SCORES = "<p>No run has a score of the leaderboard; <code>kaggle-utils diary --score</code> adds one.</p>"
_PAGE = Template("""<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Diary of experiments</title>
<style>
  body { font: 15px/1.5 system-ui, sans-serif; color: #212529; margin: 2em; }
  p { max-width: 70em; overflow-wrap: anywhere; }
  div { overflow-x: auto; }
  table { border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }
  th, td { padding: .3em .8em; text-align: left; vertical-align: top; border-bottom: 1px solid #dee2e6; }
  th, td:nth-child(-n+3) { white-space: nowrap; }
  th { cursor: pointer; background: #f1f3f5; }
  th[aria-sort=ascending]::after { content: " \\25B2"; }
  th[aria-sort=descending]::after { content: " \\25BC"; }
</style>
<h1>Diary of experiments</h1>
<p>A click on the head of a column sorts by it, another one the other way round.</p>
$body
<script>
const figure = text => /^-?[\\d.]+(e-?\\d+)?( \\[.*)?$$/.test(text) ? parseFloat(text) : NaN;
const order = (a, b) => figure(a) - figure(b) || a.localeCompare(b);
document.querySelectorAll("th").forEach(head => head.onclick = () => {
  const down = head.getAttribute("aria-sort") === "ascending", body = head.closest("table").tBodies[0];
  const cell = row => row.cells[head.cellIndex].textContent;
  const rows = [...body.rows].sort((a, b) => !cell(a) - !cell(b) || (down ? -1 : 1) * order(cell(a), cell(b)));
  head.parentNode.querySelectorAll("th").forEach(other => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", down ? "descending" : "ascending");
  body.append(...rows);
});
</script>
</html>
""")
