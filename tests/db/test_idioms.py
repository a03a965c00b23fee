"""Statements are written as SQLite and PostgreSQL both read them, so that one text serves either."""

import ast
import re
from collections.abc import Iterator

import pytest

from web.http.page import ROOT

# What only SQLite reads, or reads otherwise: how it looks, an example, and what to write instead or why not.
IDIOMS = {
    r"\bLIMIT -": ("LIMIT -1 OFFSET 5", "refused where it is negative: compare with the row at that place"),
    r"\b(?:INSERT|UPDATE) OR \w|\bREPLACE INTO\b": ("INSERT OR IGNORE INTO", "ON CONFLICT"),
    r"\bON CONFLICT\b.*\bDO UPDATE SET\b.*?\b(\w+) = (?:\w+\()?\1\b": (
        "ON CONFLICT (id) DO UPDATE SET times = times + 1",
        "ambiguous: say of which of the two rows",
    ),
    r"\bIS (?:NOT )?(?!NOT\b|NULL\b|TRUE\b|FALSE\b|DISTINCT FROM\b)": ("kind IS NOT :kind", "IS DISTINCT FROM"),
    r":\w+ IS (?:NOT )?NULL": (":since IS NULL OR at > :since", "of no known type: coalesce(:since, at)"),
    r":\w+ = [01]\b": (":is_any = 1 OR at > 5", "a boolean is no number: it stands alone"),
    r"\b(?:_rowid_|rowid|oid)\b": ("ORDER BY rowid", "a column of ours"),
    r"\b(?:GLOB|REGEXP|MATCH)\b": ("kind GLOB 'a*'", "a comparison"),
    r"\bLIKE\b": ("name LIKE 'a%'", "the one heeds capitals, the other does not"),
    r"\bCOLLATE\b": ("ORDER BY name COLLATE NOCASE", "other names for other orders"),
    r"\bx'": ("digest <> x''", "bits, not bytes: a parameter"),
    r"`|\[\w+\]": ("SELECT `key`", "a name that needs no quotes"),
    r"==": ("kind == 'a'", "="),
    r"(?:[=<>(,]|\b(?:AND|OR|BY|WHERE|SELECT|NOT))\s*\+\w": ("WHERE +kind = 'a'", "kind || ''"),
    r"(?<!CROSS )\bJOIN \w+(?: AS \w+)?\s+(?!AS\b|ON\b|USING\b)": ("here JOIN policy WHERE", "CROSS JOIN"),
    r"\b(?:max|min)\([^()]*,": ("max(failures, 1)", "CASE"),
    r"\b(?:iif|ifnull|total|group_concat)\(": ("iif(a, 1, 0)", "CASE, coalesce, sum; lists are made in Python"),
    r"\b(?:instr|printf|format|char|unicode|hex|unhex|quote|typeof|zeroblob|randomblob|likely|unlikely)\(": (
        "instr(owner, ' ')",
        "done in Python, and given as a parameter",
    ),
    r"\b(?:unixepoch|julianday|strftime|datetime|date|time)\(": ("at > unixepoch()", "a parameter: the panel's clock"),
    r"\bjson\w*\(|->": ("json_extract(detail, '$.a')", "columns"),
    r"\b(?:changes|total_changes|last_insert_rowid)\(": ("SELECT changes()", "RETURNING"),
    r"\b(?:NOT )?INDEXED\b": ("FROM rates NOT INDEXED", "kind || ''"),
    r"\bsqlite_\w+|\bpragma_\w+": ("FROM sqlite_schema", "the catalogue has other names"),
    r"\b(?:PRAGMA|ATTACH|VACUUM)\b": ("PRAGMA user_version", "an order to SQLite itself"),
    r"\bBEGIN\b|\bDROP TRIGGER\b": ("BEGIN IMMEDIATE", "transactions and triggers are another matter there"),
}
SQLITES_OWN = {
    "database": "opens the file and begins its transactions",
    "errors": "reads the codes of its driver",
    "maintenance": "copies the file and looks it through",
    "migrate": "counts migrations in the file's head",
    "schema": "compares the file's catalogue with what the migrations make",
}


def said(module: str) -> str:
    """Every string of a module of db/ but its docstrings, which are English."""
    tree = ast.parse((ROOT / "db" / f"{module}.py").read_text(encoding="utf-8"))
    told = {id(one.value) for node in ast.walk(tree) for one in bodies(node) if isinstance(one, ast.Expr)}
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in told]
    return "\n;\n".join(node.value for node in found if isinstance(node.value, str))


def bodies(node: ast.AST) -> Iterator[ast.stmt]:
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        yield from node.body[:1]


def idioms(sql: str) -> set[str]:
    """The idioms found in a text, statement by statement: no pattern goes past a semicolon."""
    return {
        pattern
        for pattern in IDIOMS
        for statement in sql.split("\n;\n")
        if re.search(pattern, statement, re.IGNORECASE | re.DOTALL)
    }


@pytest.mark.parametrize("module", sorted(file.stem for file in (ROOT / "db").glob("*.py")))
def test_sql_that_only_sqlite_reads_is_in_its_own_modules(module: str) -> None:
    assert bool(idioms(said(module))) == (module in SQLITES_OWN)


@pytest.mark.parametrize("pattern", IDIOMS)
def test_each_idiom_of_sqlite_is_recognised_and_portable_sql_is_not(pattern: str) -> None:
    example, _ = IDIOMS[pattern]
    assert pattern in idioms(example)
    both_read = """
        INSERT INTO rates (kind, count) SELECT kind, max(at) FROM here AS h JOIN accounts AS a ON a.id = h.id
        CROSS JOIN policy WHERE a.at IS NOT NULL AND kind IS NOT DISTINCT FROM :kind AND (a.is_open IS TRUE OR :all)
        ON CONFLICT (kind) DO UPDATE SET count = rates.count + 1, kind = excluded.kind RETURNING count
    """
    assert pattern not in idioms(both_read)
