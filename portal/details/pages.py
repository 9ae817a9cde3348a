"""The details page: three short forms, and what became of the files that were just sent."""

from collections.abc import Mapping
from dataclasses import dataclass

from starlette.responses import HTMLResponse

from hub.domain.citizen_records import CitizenFile, FileKind
from hub.domain.contact import Channel
from hub.notifications.masking import mask_recipient
from hub.notifications.texts import LANGUAGES
from portal.details.errors import REASONS
from portal.details.queries import Details
from portal.details.schemas import MOST_CODE, MOST_LINE, MOST_NOTE, AccessForm
from portal.details.service import MOST_AT_ONCE, MOST_FILES
from portal.details.words import details_words
from portal.pages import PageRequest, render
from portal.words import Words

NOTES = ("access", "wishes", "files", "removed", "closed", "often")
"""What the step before can have to say; it travels in the address."""
ACCEPTED = "image/jpeg,image/png,image/webp,image/heic,image/heif,application/pdf"
_MOST_TOLD = 99


@dataclass(frozen=True)
class ShownFile:
    """A file as the page lists it."""

    file: CitizenFile
    size: str

    @property
    def is_photo(self) -> bool:
        """Whether it is shown as a picture."""
        return self.file.kind is FileKind.PHOTO


def details_page(request: PageRequest, details: Details, refused: AccessForm | None = None) -> HTMLResponse:
    """How to get in, how to be reached, photos and documents; `refused` is what was typed and came too often to be kept."""
    words = details_words(request.words.language)
    order, left = details.order, details.left
    at = "access" if refused else "wishes" if request.note == "often" else "files"
    return render(
        request,
        "details/details",
        status=429 if refused else 200,
        step="/details",
        own=words,
        access=refused or left.access,
        is_open=details.is_open,
        channels=_channels(details, words),
        order_language=order.language,
        tongues=[(code, Words(code)("language_name")) for code in LANGUAGES],
        files=[ShownFile(one, _size(one.size_bytes)) for one in left.files],
        room_left=max(0, MOST_FILES - len(left.files)),
        most_at_once=MOST_AT_ONCE,
        accepted=ACCEPTED,
        limits={"code": MOST_CODE, "line": MOST_LINE, "note": MOST_NOTE},
        notice=_notice(request, words),
        problems=[{"text": one, "href": f"#{at}"} for one in _problems(request, words)],
    )


def read_counts(told: str) -> Mapping[str, int]:
    """How many files were kept or refused, by `kept` or the reason, from what the address says; nonsense is left out."""
    counts: dict[str, int] = {}
    for part in told.split(",")[: len(REASONS) + 1]:
        name, _, count = part.partition(":")
        if (name == "kept" or name in REASONS) and count.isascii() and count.isdigit() and len(count) < 3:
            counts[name] = min(int(count), _MOST_TOLD)
    return counts


def write_counts(counts: Mapping[str, int]) -> str:
    """The same as it travels in the address."""
    return ",".join(f"{name}:{min(count, _MOST_TOLD)}" for name, count in counts.items())


def _channels(details: Details, words: Words) -> list[tuple[str, str, bool]]:
    """Value, label and whether it is chosen; the address is masked."""
    order = details.order
    to = {Channel.EMAIL: order.citizen_email, Channel.SMS: order.citizen_phone}
    offered = [
        (one.value, words(f"channel_{one.value}", recipient=mask_recipient(to[one])), details.left.channel is one)
        for one in details.channels
    ]
    chosen = any(is_chosen for _, _, is_chosen in offered)
    return [("", words("channel_any"), not chosen), *offered]


def _notice(request: PageRequest, words: Words) -> str:
    if request.note in {"access", "wishes", "removed"}:
        return words(f"saved_{request.note}")
    kept = read_counts(request.wanted).get("kept", 0) if request.note == "files" else 0
    return words("saved_files", count=kept) if kept else ""


def _problems(request: PageRequest, words: Words) -> list[str]:
    if request.note == "closed":
        return [words("closed")]
    if request.note == "often":
        return [words("changed_often")]
    if request.note != "files":
        return []
    counts = read_counts(request.wanted)
    told = [words(f"refused_{name}") for name in counts if name != "kept"]
    return told or ([] if counts.get("kept") else [words("refused_none")])


def _size(size_bytes: int) -> str:
    """In kilobytes or megabytes, which are written alike in all four languages but for the comma."""
    kilobytes = max(1, round(size_bytes / 1000))
    return f"{kilobytes} kB" if kilobytes < 1000 else f"{size_bytes / 1_000_000:.0f} MB"
