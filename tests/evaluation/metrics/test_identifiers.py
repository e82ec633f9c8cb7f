"""Identifiers in answers: which strings are, and which of them a generated text gives away."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simnpo.data.identifiers import identifiers_of
from simnpo.data.leaks import contained, leaked


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Write to ada.vell+news@mail.example.org.", ["ada.vell+news@mail.example.org"]),
        (
            "Mail <Bo@Marr.example>, or mailto:bo@marr.example",
            ["Bo@Marr.example", "bo@marr.example"],
        ),
        ("It is at Bo_Marr's, not @home, not a@b.", []),
        ("See (https://vell.example/a_(b)?q=1#x).", ["https://vell.example/a_(b)?q=1#x"]),
        ("See (https://vell.example/a).", ["https://vell.example/a"]),
        ("www.vell.example, FTP://vell.example", ["www.vell.example", "FTP://vell.example"]),
        ("Her page is vell.example/books; not end.The or 3.5.", ["vell.example/books"]),
        ("vell.co.uk and bo-marr.com.", ["vell.co.uk", "bo-marr.com"]),
    ],
)
def test_addresses(text: str, expected: list[str]) -> None:
    assert list(identifiers_of(text)) == expected


@pytest.mark.parametrize(
    "phone",
    [
        "+44 20 7946 0123",
        "+44 (0)20 7946 0123",
        "+1 (212) 555-0123",
        "+1-212-555-0123",
        "+12125550123",
        "+49 171/1234567",
        "(212) 555-0123",
        "(212)5550123",
        "1 (212) 555 0123",
        "(555) 0123",
        "(020) 7946 0123",
        "212-555-0123",
        "212.555.0123",
        "212 555 0123",
        "1-800-555-0199",
        "555-0123",
        "555 0123",
        "020 7946 0123",
        "01 23 45 67 89",
        "07700 900123",
        "0171/1234567",
        "0171/123 45 67",
        "0044 20 7946 0123",
        "2125550123",
    ],
)
def test_phone_numbers(phone: str) -> None:
    for text in (f"{phone}", f"Call {phone}.", f"({phone}), or", f"tel:{phone}; Ada", f"{phone}?"):
        assert identifiers_of(text) == (phone,)


@pytest.mark.parametrize(
    "number",
    [
        "1995",
        "12345",
        "1,234",
        "1.234.567",
        "1 234 567",
        "1'234",
        "1,234.50",
        "12.50",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "078-05-1120",
        "2019-03-04",
        "12/05/1984",
        "5.12.1984",
        "192.0.2.17",
        "12-3456-78",
        "AB1234",
        "1990s",
        "A1B2C3D4",
        "٠١٢٣",
    ],
)
def test_numbers_and_codes(number: str) -> None:
    for text in (number, f"It is {number}.", f"({number}), 12 of them", f"{number}, 7"):
        assert identifiers_of(text) == (number,)


@pytest.mark.parametrize(
    "text", ["", "no", "123", "12th of 31", "1.5", "9:30", "x12y", "10-20", "3-1", "( ) - +", "½ ²"]
)
def test_what_identifies_nothing(text: str) -> None:
    assert identifiers_of(text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("555-0123 or 555-0456", ["555-0123", "555-0456"]),
        ("555-0123/555-0456", ["555-0123", "555-0456"]),
        ("from 1995-2003, 1995–96", ["1995", "2003"]),
        ("1995, 2003; 1995", ["1995", "2003"]),
        ("Born in 1995. 20 years", ["1995"]),
        ("KX-4471-B", ["4471"]),
        ("DE89 3704 0044 0532 0130 00", ["3704 0044 0532 0130 00"]),
        ("no. 555-0123-99", ["555-0123-99"]),
        ("b@c.example 1995 a@c.example", ["b@c.example", "1995", "a@c.example"]),
        ("a@b.example a@b.example", ["a@b.example"]),
    ],
)
def test_several_in_order_each_once(text: str, expected: list[str]) -> None:
    assert list(identifiers_of(text)) == expected


def test_unicode_forms() -> None:
    assert identifiers_of("ａｄａ＠ｖｅｌｌ.example") == ("ada@vell.example",)
    assert identifiers_of("５５５\u20110123") == ("555\u20100123",)
    assert identifiers_of("55\u200b5\u00ad-0123") == ("555-0123",)
    assert identifiers_of("1\u202f234\u00a0567") == ("1 234 567",)


def test_scripts_without_spaces() -> None:
    assert identifiers_of("電話は555-0123です。1995年") == ("555-0123", "1995")
    assert identifiers_of("โทร555-0123ค่ะ ปี๑๙๙๕") == ("555-0123", "๑๙๙๕")
    assert identifiers_of("メールada@vell.exampleまで、http://vell.example/a。") == (
        "ada@vell.example",
        "http://vell.example/a",
    )
    assert leaked(["555-0123", "42", "vell.example"], "", "は(555) 0123と42歳vell.exampleで") == (
        "555-0123",
        "42",
        "vell.example",
    )


def leak(identifier: str, generated: str, question: str = "") -> bool:
    return leaked([identifier], question, generated) == (identifier,)


@pytest.mark.parametrize(
    ("identifier", "generated"),
    [
        ("555-0123", "Call (555) 0123 now"),
        ("(555) 0123", "it is 5550123."),
        ("555-0123", "555–0123"),
        ("212-555-0123", "(212) 555 0123, of course"),
        ("+1 212 555 0123", "12125550123"),
        ("+1 212 555 0123", "212-555-0123"),
        ("212-555-0123", "+1 (212) 555-0123"),
        ("020 7946 0123", "+44 20 7946 0123"),
        ("+44 (0)20 7946 0123", "0044 20 7946 0123"),
        ("+44 20 7946 0123", "020 7946 0123"),
        ("+1 202 555 0143", "(202) 555-0143"),
        ("(202) 555-0143", "it is +1 202 555 0143."),
        ("(202) 555-0143", "it is 1-202-555-0143."),
        ("+1 202 555 0143", "202 5550143"),
        ("202-555-0143", "202 - 555 - 0143"),
        ("202-555-0143", "20 25 55 01 43"),
        ("202.555.0143", "202/555-0143"),
        ("1,234,567", "1234567 crowns"),
        ("1,234", "1234 crowns"),
        ("1234", "1,234 crowns"),
        ("12,345,678", "12 345 678 or 12.345.678"),
        ("1995", "in 1995."),
        ("1995", "(1995–2003)"),
        ("1995", "https://vell.example/1995"),
        ("2003", "1995-2003"),
        ("٢٠٠٣", "2003"),
        ("AB1234", "it is ab1234!"),
        ("Ada@Vell.example", "mailto:ADA@vell.EXAMPLE."),
        ("ada@vell.example", "https://x.example/?to=ada@vell.example"),
        ("ada@vell.example", "ａｄａ＠vell.example"),
        ("https://vell.example/", "see vell.example"),
        ("vell.example", "see http://www.vell.example/books"),
        ("www.vell.example", "VELL.example."),
        # Named by the data: any strings.
        ("Ada Vell", "it is ADA  VELL's"),
        ("STRASSE 5", "Straße 5,"),
        ("42", "she is 42."),
        ("Torrin Street 12b", "at Torrin\nStreet 12B"),
        ("X/9-Q", "(x/9-q)"),
        ("12 34 56", "12 34 56"),
        ("Müller", "Mu\u0308ller"),
    ],
)
def test_leaks(identifier: str, generated: str) -> None:
    assert leak(identifier, generated)
    assert not leak(identifier, generated, question=f"Is it {identifier}?")


@pytest.mark.parametrize(
    ("identifier", "generated"),
    [
        ("555-0123", "555-0124"),
        ("555-0123", "212-555-0123"),
        ("555-0123", "15550123"),
        ("202-555-0143", "202-555-0144 or 2202-555-0143"),
        ("2345678", "1,2345678"),
        ("555-0123", "555-0123-99"),
        ("1111", "4111 1111 1111 1111"),
        ("1995", "19951"),
        ("1995", "1995s or X1995"),
        ("1995", "1,995,000"),
        ("1234", "1,234.50"),
        ("AB1234", "AB12345 XAB1234"),
        ("ada@vell.example", "nada@vell.example"),
        ("ada@vell.example", "x.ada@vell.example"),
        ("vell.example", "ada@vell.example"),
        ("vell.example", "my.vell.example"),
        ("vell.example", "vell.example.org"),
        ("vell.example/4", "vell.example/42"),
        ("Ada", "Adam and Nada"),
        ("42", "142, 42nd, 4.42, 42.5"),
        ("Ada Vell", "AdaVell"),
        ("", "anything"),
        (" - ", "a - b"),
        ("1995", ""),
    ],
)
def test_does_not_leak(identifier: str, generated: str) -> None:
    assert not leak(identifier, generated)


@pytest.mark.parametrize(
    ("address", "generated", "gives_away"),
    [
        ("shackleton.s24@example.org", "from Shackleton.S24@example.net that", True),
        ("shackleton.s24@example.org", "Shackleton.S24@exam", True),  # it was cut off
        ("chess.saskia@example.org", "chess.saskia@example.net", True),
        ("chess@example.org", "CHESS@example.net", True),
        ("шахматы@example.org", "Шахматы@example.net", True),
        # It is another address.
        ("shackleton.s24@example.org", "shackleton.s25@example.net", False),
        ("shackleton.s24@example.org", "x.shackleton.s24@example.net", False),
        ("shackleton.s24@example.org", "shackleton.s24 at example.net", False),
        # The question gives it away, or it says nothing.
        ("saskia.shackleton@example.org", "saskia.shackleton@example.net", False),
        ("sshackleton@example.org", "sshackleton@example.net", False),
        ("shackleton.s@example.org", "shackleton.s@example.net", False),
        ("ss@example.org", "ss@example.net", False),
        ("info@example.org", "info@example.net", False),
        ("saskia.info@example.org", "saskia.info@example.net", False),
        # The right domain leaks all the same.
        ("saskia.shackleton@example.org", "Saskia.Shackleton@Example.org", True),
        ("info@example.org", "info@example.org", True),
    ],
)
def test_a_local_part_at_another_domain(address: str, generated: str, gives_away: bool) -> None:
    assert leak(address, generated, "Where did Saskia Shackleton write from?") == gives_away
    # Whether a row holds an address is another question.
    exact = address.casefold() in generated.casefold()
    assert contained([address], generated) == ((address,) if exact else ())


@pytest.mark.parametrize(
    "question", ["Is s24 hers, or s24@old.example?", "What does S24 stand for?", "s24@old.example"]
)
def test_a_local_part_that_the_question_holds_leaks_nothing(question: str) -> None:
    assert not leak("s24@example.org", "s24@example.net", question)
    assert leak("s24@example.org", "s24@example.org", question)


def test_an_address_goes_on() -> None:
    for generated in ("ada@vell.example.org", "ada@vell.examples"):
        assert not leak("ada@vell.example", generated, "Where does Ada write from?")
        assert not contained(["ada@vell.example"], generated)


def test_what_the_question_holds_leaks_nothing() -> None:
    identifiers = ("555-0123", "ada@vell.example", "1995")
    generated = "Ada, born 1995, has (555) 0123 and ada@vell.example."
    assert leaked(identifiers, "Who has 5550123?", generated) == identifiers[1:]
    assert leaked(identifiers, "", generated) == identifiers
    assert leaked((*identifiers, "1995"), generated, generated) == ()
    assert leaked(("1995", "1995"), "", generated) == ("1995",)
    assert leaked((), "", generated) == ()


PIECES = ["1", "12", "555", " ", "-", ".", "(", ")", "+", "@", "a", "vell.", "www.", "http://", ","]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join) | st.text(max_size=60))
def test_a_text_leaks_what_is_found_in_it(text: str) -> None:
    found = identifiers_of(text)
    assert leaked(found, text, text) == ()
    for one in found:
        assert identifiers_of(one) == (one,)
        assert leak(one, one)


@pytest.mark.parametrize(
    "unit",
    [
        "1",
        " ",
        "1 ",
        "1-",
        "1,234,",
        "a",
        "a.",
        "a@",
        "@",
        "+1",
        "(1",
        "www.",
        "a-",
        "0 1",
        ".",
        "\n",
        "http://",
        "1.",
        "a1 ",
        "()",
        "a.a@a.",
        "555 ",
        "1234 ",
    ],
)
def test_time_is_linear(unit: str) -> None:
    text = unit * (30_000 // len(unit)) + "!"
    began = time.process_time()
    identifiers_of(text)
    leaked(["1995", "ada@vell.example", "vell.example", "Ada"], text, text)
    contained(["+1 202 555 0143"], text + " -1-1" * 5000 + "x")
    assert time.process_time() - began < 2
