#!/usr/bin/env python3
"""Compares our reader of typed phone numbers with Google's libphonenumber, on many made-up spellings.

    pip install phonenumbers
    cargo build -p base --example read_numbers --release
    python3 tests/oracle/spellings.py --reader target/release/examples/read_numbers

Every spelling is made from a known number: an example of libphonenumber, of every country and kind, with other last
digits. The reader is right if it finds that number, or those two, and nothing else. Where it does not, libphonenumber
reads each number alone: if both read the same, the spelling no longer says which number it was made from. Everything
else needs one of the REASONS. What has none is printed, and the exit code is 1.

The reader gets lines of `region TAB typed` and answers each with the numbers in E.164, one space between them, or `-`.
In `typed`, tab, line break and backslash are written `\\t`, `\\n`, `\\\\`.
"""

import argparse
import collections
import dataclasses
import random
import re
import subprocess
import sys

import phonenumbers
from phonenumbers import Leniency, PhoneNumberFormat, PhoneNumberMatcher, PhoneNumberType, PhoneMetadata

# ---- what a spelling is made of

SEPARATORS = [" ", "\u00a0", "\u202f", ".", "-", "/", "", "  ", "\u2011", "_", "\u200b", " - "]
BETWEEN = [" / ", " - ", " & ", " ::: ", "; ", ";", " | ", "|", "\t", "\n", " ou ", " et ", " or ", " und ", ", "]
LABELS = ["Tel: ", "Tél. : ", "Tél.", "T. ", "Mobile : ", "GSM ", "Fixe: ", "tel:", "Mme Durand ", "Bureau 2 : ", "'"]
EXTENSIONS = [" poste 12", " p.12", " ext. 12", " ext 1234", " x12", " #12", " (12)", ";ext=12", " Durchwahl 12"]
REMARKS = [" (perso)", " (2ème ligne)", " 24h/24", " 9h-18h", " Mme Durand", ".", " bureau", "#", "\u202c"]
DIALLED = ["-12", "/35", " / 35", "-106"]

# What libphonenumber does not know to be a space, or nothing.
PLAIN = str.maketrans({"\u202f": " ", "\u00a0": " ", "_": " ", "\u200b": "", "\u202c": "", "\u2011": "-"})

OVERSEAS = {33, 262, 508, 590, 594, 596}
# As they were before the plan of their country changed: Brazil, Mexico, Benin, Ivory Coast.
OLD = ["+551187654321", "+5215512345678", "+22997123456", "+22507123456", "+22544123456", "+22520311234"]


@dataclasses.dataclass
class Case:
    region: str
    typed: str
    numbers: list[str]
    """What it was made from, in E.164."""
    bare: list[str]
    """Each number without what stands around it."""
    kind: str = "one number"
    dialled: str = ""
    """What follows a sign at its end, and is part of the number in some countries."""


def e164(number):
    return phonenumbers.format_number(number, PhoneNumberFormat.E164)


def examples():
    """(region, number) of every country and kind, and of the services that belong to no country.

    With fewer than seven digits, country code included, it is no number for us.
    """
    found = {}
    kinds = [kind for kind in PhoneNumberType.values() if kind != PhoneNumberType.UNKNOWN]
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        for kind in kinds:
            number = phonenumbers.example_number_for_type(region, kind)
            if number:
                found.setdefault(e164(number), (region, number))
    for code in sorted(phonenumbers.COUNTRY_CODES_FOR_NON_GEO_REGIONS):
        number = phonenumbers.example_number_for_non_geo_entity(code)
        if number:
            found.setdefault(e164(number), (None, number))
    for number in map(phonenumbers.parse, OLD):
        found.setdefault(e164(number), (phonenumbers.region_code_for_country_code(number.country_code), number))
    return [known for number, known in found.items() if len(number) > 7]


def with_other_digits(number, rng):
    """Up to four other digits at the end, where that is still a number in use."""
    for count in (4, 3, 2):
        national = phonenumbers.national_significant_number(number)
        if len(national) < count + 4:
            continue
        digits = national[:-count] + "".join(rng.choice("0123456789") for _ in range(count))
        other = phonenumbers.PhoneNumber()
        other.merge_from(number)
        other.national_number = int(digits)
        if phonenumbers.national_significant_number(other) == digits and phonenumbers.is_valid_number(other):
            return other
    return number


def separated(text, separator):
    """The text with another sign in each place where it has one between two digits. Parentheses stay."""
    return re.sub(r"(?<=\d)[ \-./\u00a0]+(?=\d)", lambda _: separator, text)


def prefix(region):
    """What is dialled there before a country code, if that is always the same."""
    plain = PhoneMetadata.metadata_for_region(region).international_prefix
    return plain if plain and plain.isdigit() else None


def spelling(number, home, region, separator, rng):
    """One number as somebody in `region` would write it."""
    national = phonenumbers.national_significant_number(number)
    # Many countries have numbers that are never dialled with the zero.
    trunk = home and PhoneMetadata.metadata_for_region(home).national_prefix
    zero = trunk == "0" and re.match(r"\(?0", phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL))
    zero = zero and not national.startswith("0")
    way = rng.choice(["national", "national", "international", "e164", "rfc3966", "00", "(0)", "trunk", "no plus"])
    international = phonenumbers.format_number(number, PhoneNumberFormat.INTERNATIONAL)
    if way == "national" and home == region:
        return separated(phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL), separator)
    if way == "rfc3966":
        return phonenumbers.format_number(number, PhoneNumberFormat.RFC3966)
    if way == "e164":
        return e164(number)
    if way == "00" and prefix(region):
        return prefix(region) + separator + separated(international[1:], separator)
    if way == "(0)" and zero:
        code, rest = international.split(" ", 1)
        return f"{code}{rng.choice([' ', ''])}(0){rng.choice([' ', ''])}{separated(rest, separator)}"
    if way == "trunk" and zero:
        code, rest = international.split(" ", 1)
        return f"{code} 0{separated(rest, separator)}"
    if way == "no plus" and home == region:
        return separated(international[1:], separator)
    return separated(international, separator)


def cases(count, seed):
    rng = random.Random(seed)
    known = examples()
    of_home = collections.defaultdict(list)
    for home, number in known:
        of_home[home].append(number)
    regions = sorted(phonenumbers.SUPPORTED_REGIONS)
    while count:
        home, number = rng.choice(known)
        number = with_other_digits(number, rng)
        region = home if home and rng.random() < 0.7 else rng.choice(regions)
        separator = rng.choice(SEPARATORS)
        bare = spelling(number, home, region, separator, rng)
        case = Case(region, bare, [e164(number)], [bare])
        # What stands in a number as well cannot tell where it ends.
        outside = [sign for sign in BETWEEN if sign.strip() != separator.strip() or not sign.strip()]
        dialled = [sign for sign in DIALLED if sign.strip(" 0123456789") not in bare.translate(PLAIN)]
        kind = rng.random()
        if kind < 0.1:
            other = with_other_digits(rng.choice(of_home[home]), rng)
            if e164(other) == case.numbers[0]:
                continue
            second = spelling(other, home, region, separator, rng)
            between = "(" if rng.random() < 0.1 else rng.choice(outside)
            case.typed += f" ({second})" if between == "(" else between + second
            case.kind = f"two numbers, {escaped(between)!r} between"
            case.numbers.append(e164(other))
            case.bare.append(second)
        elif kind < 0.4:
            name, signs = ("extension", EXTENSIONS) if kind < 0.25 else ("remark", REMARKS)
            after = rng.choice(signs)
            case.typed, case.kind = case.typed + after, f"{name} {after!r}"
        elif kind < 0.45 and dialled:
            case.dialled = rng.choice(dialled)
            case.typed, case.kind = case.typed + case.dialled, f"extension {case.dialled!r}"
        if not bare.startswith("tel:") and rng.random() < 0.15:
            case.typed = rng.choice(LABELS) + case.typed
        count -= 1
        yield case


# ---- the two readers


def escaped(typed):
    return typed.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")


def read_by_ours(reader, all_cases):
    lines = "".join(f"{case.region}\t{escaped(case.typed)}\n" for case in all_cases)
    ran = subprocess.run([reader], input=lines, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    answer = ran.stdout.splitlines()
    if len(answer) != len(all_cases):
        sys.exit(f"The reader answered {len(answer)} lines to {len(all_cases)}.")
    return [[] if line == "-" else line.split(" ") for line in answer]


def read_by_library(case):
    """What libphonenumber makes of each number alone, and which numbers it finds in the whole text."""
    alone = []
    for bare in case.bare:
        try:
            number = e164(phonenumbers.parse(bare.translate(PLAIN), case.region))
        except phonenumbers.NumberParseException:
            number = "-"
        alone.append(number if is_possible(number) else "-")
    matches = PhoneNumberMatcher(case.typed.translate(PLAIN), case.region, leniency=Leniency.POSSIBLE)
    return alone, [e164(match.number) for match in matches]


# ---- why they may differ


def split(number):
    parsed = phonenumbers.parse(number)
    return parsed.country_code, phonenumbers.national_significant_number(parsed)


def is_possible(number):
    """Also from abroad."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return False
    return phonenumbers.is_possible_number_with_reason(parsed) == phonenumbers.ValidationResult.IS_POSSIBLE


def one_to_one(same):
    """Each number has its own that is the same in some way."""

    def holds(case, found):
        pairs = list(zip(case.numbers, found))
        return len(case.numbers) == len(found) and all(ours == made or same(made, ours) for made, ours in pairs)

    return holds


def is_overseas(made, ours):
    (code, national), (our_code, our_national) = split(made), split(ours)
    # Saint-Pierre-et-Miquelon's own numbers have six digits.
    return {code, our_code} <= OVERSEAS and (national == our_national or national == f"508{our_national}")


def is_argentine(made, ours):
    return made.startswith("+549") and ours == "+54" + made[4:]


def is_todays(made, ours):
    today = {
        "+55": made[:5] + "9" + made[5:],
        "+52": "+52" + made[4:],
        "+229": "+22901" + made[4:],
        "+225": made[:4] + ours[4:6] + made[4:],
    }
    return made in OLD and ours == next(today[code] for code in today if made.startswith(code))


def is_dialled(case, found):
    """What follows a sign is at the end of the number."""
    digits = re.sub(r"\D", "", case.dialled)
    return found == [case.numbers[0] + digits] and not case.dialled.startswith(" ") and is_possible(found[0])


def is_german(case):
    return split(case.numbers[0])[0] in (49, 43)


def is_local(number):
    reason = phonenumbers.is_possible_number_with_reason(phonenumbers.parse(number))
    return reason == phonenumbers.ValidationResult.IS_POSSIBLE_LOCAL_ONLY


def is_read_by_library(case, found):
    """Each number is the one it was made from or the one that the library reads, or differs for one of the reasons."""

    def is_explained(made, by_library, ours):
        return ours in (made, by_library) or any(same(made, ours) for same in (is_overseas, is_argentine, is_todays))

    alone, _ = read_by_library(case)
    return len(found) == len(alone) and all(map(is_explained, case.numbers, alone, found))


def length(number):
    return len(phonenumbers.national_significant_number(phonenumbers.parse(number)))


def is_short(case, found):
    first, *rest = case.numbers
    without_short = [first, *(number for number in rest if length(number) >= 7)]
    goes_on = not rest and length(first) < 7 and len(found) == 1 and found[0].startswith(first)
    return found == without_short or goes_on


REASONS = [
    ("overseas", "The French plan is one for six country codes; the first digits say which.", one_to_one(is_overseas)),
    ("argentina", "The 9 of mobile numbers is left out.", one_to_one(is_argentine)),
    ("plan changed", "The number is today's; libphonenumber keeps the old one.", one_to_one(is_todays)),
    (
        "dialled",
        "In Germany and Austria, what follows a hyphen or slash directly is dialled.",
        lambda case, found: case.dialled and is_german(case) and is_dialled(case, found),
    ),
    (
        "open length",
        "Where numbers have several lengths, what follows a hyphen or slash directly may be part of it.",
        lambda case, found: case.dialled and not is_german(case) and is_dialled(case, found),
    ),
    (
        "local",
        "A number that can only be dialled within its area is none for us.",
        lambda case, found: found == [number for number in case.numbers if not is_local(number)],
    ),
    (
        "short",
        "Fewer than seven digits after a longer number are an extension; and such a number may go on in parentheses.",
        is_short,
    ),
    ("library", "Both read another number than the one it was made from.", is_read_by_library),
]


def some_of_each_kind(cases_by_kind, count):
    """The first of each kind, then the second, and so on."""
    nth = [(place, one) for of_kind in cases_by_kind.values() for place, one in enumerate(of_kind)]
    return [one for _, one in sorted(nth, key=lambda pair: pair[0])[:count]]


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    options.add_argument("--reader", required=True, help="the program that reads")
    options.add_argument("--count", type=int, default=100_000, help="how many spellings (%(default)s)")
    options.add_argument("--seed", type=int, default=1, help="other spellings for another seed (%(default)s)")
    options.add_argument("--show", type=int, default=40, help="how many to print that have no reason (%(default)s)")
    options = options.parse_args()

    all_cases = list(cases(options.count, options.seed))
    counts = collections.Counter()
    invented, missed = collections.defaultdict(list), collections.defaultdict(list)
    for case, found in zip(all_cases, read_by_ours(options.reader, all_cases)):
        if found == case.numbers:
            counts["agreed"] += 1
        elif reason := next((name for name, _, holds in REASONS if holds(case, found)), None):
            counts[reason] += 1
        else:
            kinds = missed if set(found) <= set(case.numbers) else invented
            kinds[case.kind].append((case, found))

    regions = len({case.region for case in all_cases})
    version = phonenumbers.__version__
    print(f"{len(all_cases)} spellings in {regions} regions, seed {options.seed}, phonenumbers {version}")
    print(f"{counts['agreed']:8} agreed")
    for name, why, _ in REASONS:
        print(f"{counts[name]:8} {name}: {why}")
    # A number that is not there is worse than one that is not found.
    for what, kinds in ("a number that is not there", invented), ("a number not found", missed):
        print(f"{sum(map(len, kinds.values())):8} without a reason: {what}")
        for kind, of_kind in sorted(kinds.items(), key=lambda item: -len(item[1])):
            print(f"{len(of_kind):16} {kind}")
    shown = some_of_each_kind(invented, options.show) + some_of_each_kind(missed, options.show)
    for case, found in shown[: options.show]:
        alone, in_text = (" ".join(numbers) or "-" for numbers in read_by_library(case))
        print(f"  {case.region} {escaped(case.typed)!r}: {' '.join(found) or '-'}, made from {' '.join(case.numbers)}; "
              f"libphonenumber: {alone}{'' if in_text == alone else f', in the text {in_text}'}")
    return 1 if invented or missed else 0


if __name__ == "__main__":
    sys.exit(main())
