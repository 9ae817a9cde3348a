"""XML, asked by XPath 1.0 with lxml. A document type declaration is refused outright, and with it every entity and bomb."""

import codecs
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from ingest.profiles.documents import Found, Query, Record, Scalar, UnreadableDocumentError
from ingest.profiles.problems import FieldError

_ENCODINGS = {"utf-8", "utf-16", "utf-16-le", "utf-16-be", "iso8859-1", "iso8859-15", "cp1252", "ascii"}
_DECLARATION = re.compile(r"<\?xml\s[^>]{0,300}?\?>")
_NAMED_ENCODING = re.compile(rb"""^<\?xml\s[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class XmlFormat:
    """`where` is the XPath of the orders; prefixes in expressions stand for `namespaces`."""

    where: str
    namespaces: Mapping[str, str] = field(default_factory=dict)

    def compile(self, expression: str) -> Query:
        """An XPath expression, asked from the order's element; raises ValueError."""
        try:
            compiled = etree.XPath(expression, namespaces=dict(self.namespaces) or None)
            # Prefixes and functions are looked up only when asked.
            compiled(etree.Element("nothing"))
        except etree.XPathError as error:
            raise ValueError(f"is no XPath expression: {error}") from error
        return Query(expression, compiled)

    def records(self, body: bytes, first_row: int | None = None) -> Iterator[Record]:
        """The elements at `where`, in order."""
        root = parse_safely(body)
        try:
            found = root.getroottree().xpath(self.where, namespaces=dict(self.namespaces) or None)
        except etree.XPathError as error:
            raise UnreadableDocumentError(self.where, f"cannot be worked out: {error}") from error
        elements = [one for one in found if isinstance(one, etree._Element)] if isinstance(found, list) else []  # noqa: SLF001 - lxml has no public name for it
        if not elements:
            raise UnreadableDocumentError(self.where, "finds no order in the document")
        around = _around(elements)
        for one in elements:
            yield XmlRecord(one, around)


@dataclass(frozen=True)
class XmlRecord:
    """One order's element. `around` are, for each element that orders stand in, the children that hold no order."""

    element: Any
    around: Mapping[Any, Sequence[Any]]

    def find(self, query: Query) -> list[Found]:
        """See `Record.find`."""
        answer = query.compiled(self.element)
        many = answer if isinstance(answer, list) else [answer]
        found = [(_scalar(one), self._place(query, one)) for one in many]
        return [Found(value, place) for value, place in found if value != ""]

    def place_of(self, query: Query) -> str:
        """See `Record.place_of`."""
        return f"{query.expression} (order on line {self.element.sourceline})"

    def alone(self) -> bytes:
        """The order in copies of the elements it stands in, with their headers and without the other orders."""
        inner = deepcopy(self.element)
        inner.tail = None
        for outer in self.element.iterancestors():
            copy = etree.Element(outer.tag, outer.attrib, nsmap=outer.nsmap)
            copy.extend(deepcopy(one) for one in self.around[outer])
            copy.append(inner)
            inner = copy
        return bytes(etree.tostring(inner, encoding="utf-8"))

    def _place(self, query: Query, one: Any) -> str:
        parent = one if isinstance(one, etree._Element) else getattr(one, "getparent", lambda: None)()  # noqa: SLF001 - as above
        return self.place_of(query) if parent is None else f"{query.expression} (line {parent.sourceline})"


def _around(orders: Sequence[Any]) -> dict[Any, list[Any]]:
    outer = {one for order in orders for one in order.iterancestors()}
    held = outer.union(orders)
    return {one: [child for child in one if child not in held] for one in outer}


def parse_safely(body: bytes) -> Any:
    """The root element; raises UnreadableDocumentError. No entity is expanded, nothing is fetched, no tree grows huge."""
    text = _decoded(body)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise UnreadableDocumentError(
            f"Line {text[: text.find('<!')].count(chr(10)) + 1}",
            "has a document type declaration, which is refused: send the order without one",
        )
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        return etree.fromstring(text.encode("utf-8"), parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        raise UnreadableDocumentError(f"Line {line}", f"is not well-formed XML: {str(error.msg)[:200]}") from error
    except UnicodeEncodeError as error:
        raise UnreadableDocumentError("The document", "holds half a character") from error


def _decoded(body: bytes) -> str:
    """The text by its byte order mark or declaration; the declaration becomes blank, so that lines keep their numbers."""
    named = _NAMED_ENCODING.match(body)
    encoding = next((name for mark, name in _MARKS if body.startswith(mark)), "")
    if not encoding:
        encoding = named.group(1).decode() if named else "utf-8"
        try:
            known = codecs.lookup(encoding).name in _ENCODINGS
        except LookupError:
            known = False
        if not known:
            raise UnreadableDocumentError(
                "The document", f"says its encoding is {encoding}, which is not read here: send UTF-8"
            )
    try:
        text = body.decode(encoding)
    except UnicodeDecodeError as error:
        raise UnreadableDocumentError(f"Byte {error.start}", f"is not {encoding}") from error
    declaration = _DECLARATION.match(text)
    if declaration is None:
        return text
    return "\n" * declaration.group().count("\n") + text[declaration.end() :]


def _scalar(one: Any) -> Scalar:
    if isinstance(one, etree._Element):  # noqa: SLF001 - as above
        if len(one):
            raise FieldError("must hold one value, not other elements")
        return (one.text or "").strip()
    if isinstance(one, bool):
        return one
    if isinstance(one, float):
        if not math.isfinite(one):
            return ""
        return int(one) if one.is_integer() else one
    return str(one).strip()
