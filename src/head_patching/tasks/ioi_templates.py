"""The words of the IOI prompts: templates, names, places and objects.

The fifteen BABA templates are those of Wang et al. 2022 (arXiv 2211.00593), appendix
E, figure 14, without the final [A]: that is the answer. [A] is the indirect object
(IO), [B] the subject, named twice (S1, S2). Swapping the first [A] and [B] gives the
ABBA twin. No template begins with a name, and every name follows a space, so that a
name is the same token in every slot.

Names, places and objects are lists of our own, of common words, not the paper's (100
names and 20 words in its text; 99 names, 8 places and 8 objects in its released code).
"""

import re
from typing import NamedTuple


def _words(text: str) -> tuple[str, ...]:
    """The words of a text."""
    return tuple(text.split())


BABA = (
    "Then, [B] and [A] went to the [PLACE]. [B] gave a [OBJECT] to",
    "Then, [B] and [A] had a lot of fun at the [PLACE]. [B] gave a [OBJECT] to",
    "Then, [B] and [A] were working at the [PLACE]. [B] decided to give a [OBJECT] to",
    "Then, [B] and [A] were thinking about going to the [PLACE]."
    " [B] wanted to give a [OBJECT] to",
    "Then, [B] and [A] had a long argument, and afterwards [B] said to",
    "After [B] and [A] went to the [PLACE], [B] gave a [OBJECT] to",
    "When [B] and [A] got a [OBJECT] at the [PLACE], [B] decided to give it to",
    "When [B] and [A] got a [OBJECT] at the [PLACE],"
    " [B] decided to give the [OBJECT] to",
    "While [B] and [A] were working at the [PLACE], [B] gave a [OBJECT] to",
    "While [B] and [A] were commuting to the [PLACE], [B] gave a [OBJECT] to",
    "After the lunch, [B] and [A] went to the [PLACE]. [B] gave a [OBJECT] to",
    "Afterwards, [B] and [A] went to the [PLACE]. [B] gave a [OBJECT] to",
    "Then, [B] and [A] had a long argument. Afterwards [B] said to",
    "The [PLACE] [B] and [A] went to had a [OBJECT]. [B] gave it to",
    "Friends [B] and [A] found a [OBJECT] at the [PLACE]. [B] gave it to",
)


class Template(NamedTuple):
    """A sentence with slots, and the label under which its pairs are grouped."""

    label: str
    text: str


def abba_twin(text: str) -> str:
    """The same sentence with the indirect object named first."""
    return text.replace("[B]", "[?]", 1).replace("[A]", "[B]", 1).replace("[?]", "[A]")


# The two orders alternate, so that any number of pairs is balanced over them.
TEMPLATES = tuple(
    template
    for number, text in enumerate(BABA, start=1)
    for template in (
        Template(f"BABA-{number:02d}", text),
        Template(f"ABBA-{number:02d}", abba_twin(text)),
    )
)

NAMES = _words(
    """
    Aaron Adam Albert Alex Alice Amanda Amy Andrea Andrew Angela Anna Anthony Arthur
    Ashley Barbara Ben Benjamin Bob Brian Bruce Carl Carol Catherine Charles Charlotte
    Chris Christina Christine Claire Daniel David Deborah Diana Diane Edward Elizabeth
    Emily Emma Eric Eva Frances Fred Gary George Gregory Hannah Harold Heather Helen
    Henry Jacob James Jane Jason Jeff Jennifer Jeremy Jessica Jim John Jonathan Joseph
    Joshua Julia Julie Karen Kate Katherine Keith Kelly Kenneth Kevin Larry Laura Lauren
    Lisa Louis Lucy Margaret Maria Marie Martha Martin Mary Matthew Melissa Michael
    Michelle Nancy Nathan Nicholas Nicole Oliver Patricia Patrick Paul Peter Philip
    Rachel Raymond Rebecca Richard Robert Roger Ronald Ruth Ryan Samantha Samuel Sandra
    Sara Sarah Scott Sharon Simon Stephanie Stephen Steven Susan Thomas Timothy Tom
    Tyler Victoria Vincent Walter William
    """
)

PLACES = _words(
    """
    airport bank beach castle church factory farm garden hospital hotel house library
    market museum office park restaurant school stadium station store theater university
    """
)

# Each follows "a", so each begins with a consonant sound.
OBJECTS = _words(
    """
    bag ball book box cake camera card coat computer drink flower gift guitar hat key
    letter map pen phone present ring sandwich ticket toy watch
    """
)


def prompt_words() -> list[str]:
    """Every word and punctuation mark that a prompt may contain, sorted."""
    texts = " ".join(re.sub(r"\[\w+\]", "", template.text) for template in TEMPLATES)
    return sorted({*re.findall(r"\w+|[^\w\s]", texts), *NAMES, *PLACES, *OBJECTS})
