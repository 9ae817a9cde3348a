"""What people type, tidied."""

import pytest

from hub.typed import one_line, some_lines


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  two\r\nlines\tand a tab ", "two lines and a tab"),
        ("a\x00b\u202ec\u200bd", "abcd"),
        ("1\u2028 2", "1 2"),
        ("👩\u200d🔧", "👩\u200d🔧"),
        ("an@example.org\u200d ", "an@example.org"),
        ("അവന്\u200d ", "അവന്\u200d"),
        ("\U0001f3f4\U000e0067\U000e0062\U000e007f!", "\U0001f3f4\U000e0067\U000e0062\U000e007f!"),
        ("a\U000e0067b", "ab"),
        ("\U0001fae9", "\U0001fae9"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("a\x0bb\x0cc", "a b c"),
        ("کتاب\u200cخانه", "کتاب\u200cخانه"),
        ("한\u3164글", "한\u3164글"),
        *(
            (blank, "")
            for blank in (
                "\u200b",
                "\u00ad \u2060",
                "\u3164\u115f",
                "\u2800 \u2800",
                "\u200d \u200c",
                "\u3164\u200d\u3164",
                "\x00",
                "",
            )
        ),
    ],
)
def test_one_line_is_what_can_be_seen(typed: str, kept: str) -> None:
    assert one_line(typed) == kept


def test_a_text_is_cut_to_its_length_when_it_is_given() -> None:
    assert one_line("12345 789", 6) == "12345"
    assert some_lines("1\r\n2\r\n3", 3) == "1\n2"
    assert some_lines("x" * 9) == "x" * 9


def test_some_lines_keeps_lines_and_one_empty_one_between_them() -> None:
    assert some_lines(" Ring twice. \r\n\r\n\r\n\r\nThe\tdog is\u200b kind.\n\n") == "Ring twice.\n\nThe dog is kind."
    assert some_lines("\n\u3164\n") == ""
