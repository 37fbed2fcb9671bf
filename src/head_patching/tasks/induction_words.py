"""The words of the induction prompts: frames, and what they are filled with.

A frame is a text with the slots [A] and [B], a pair of neighbouring words, and a second
[A] at its end. [W] is any word. No frame begins with a slot, and each slot follows a
space, so that a word is the same token in every slot. The two words before the pair
have no punctuation: they can be swapped with it.

Frames and words are our own. The words are common nouns and adjectives, with those of
the IOI prompts among them, so that a tokenizer that knows only these will do.
"""

from typing import NamedTuple

from head_patching.tasks.ioi_templates import NAMES, OBJECTS, PLACES


class Frame(NamedTuple):
    """A text with slots, its label, and the words for [A] and for [B] and [W]."""

    label: str
    text: str
    first: tuple[str, ...]
    second: tuple[str, ...]


_OTHER_WORDS = """
animal apple arm army art autumn baby basket battle bear bell bird black blood blue
board boat body bone bottle bowl branch brave bread bridge bright brother brown brush
building captain cat chain chair cheese chicken child circle city clean clever clock
cloth cloud coal coast cold color cook copper corn cotton country cow crowd cup dance
dark daughter deep dinner doctor dog door dream dress driver dry ear earth edge egg
empty engine evening eye face family father field finger fire fish flat floor forest fox
fresh friend frog fruit gentle giant glass gold golden grass gray green ground group
hair hand happy heart heavy hill hole honey horse hot hungry ice iron island jacket
journey judge king kitchen knife lake language large leaf leather leg lemon light lion
loud lucky machine meal meat metal middle milk money moon morning mother mountain mouse
mouth music narrow nation neck night noise nose nurse ocean oil old orange page paint
palace paper parent path pencil people picture pig pink plane planet plant plate pocket
poem poor potato prince proud purple queen quick quiet rabbit rain red rice rich river
road rock roof room root rope rose salt sand sea seed shadow sheep shell ship shirt shoe
shop short silent silk silver simple sister skin sky sleep slow small smart smoke smooth
snake snow soap soft soldier song soup spider square star steam steel stick stone storm
street strong sugar summer sun sweet sword table tail tall thick thin tiger tool tooth
tower town train tree truck uncle valley village voice wall war warm water weather wet
wheel white wide wild wind window wine wing winter wolf woman wood yellow young
"""

_SURNAMES = """
Bailey Baker Bennett Bishop Brown Burton Campbell Carter Clark Coleman Collins Cooper
Cox Davies Davis Edwards Evans Fisher Foster Gibson Graham Griffin Hamilton Hansen
Harris Harrison Henderson Hill Hughes Hunter Jackson Jenkins Johnson Jones Kennedy Lewis
Marshall Mason Miller Mitchell Moore Morgan Morris Murphy Murray Nelson Palmer Parker
Peterson Phillips Porter Reynolds Roberts Robinson Rogers Ross Russell Sanders Shaw
Simpson Smith Stewart Sullivan Taylor Thompson Turner Walker Wallace Ward Watson Wilson
Wood Wright
"""

WORDS = tuple(sorted({*_OTHER_WORDS.split(), *PLACES, *OBJECTS}))

SURNAMES = tuple(_SURNAMES.split())

# Tokens from the first A to the second.
DISTANCES = range(3, 18)

_OF_WORDS = (
    "The sign on the old door said [A] [B]. Nobody knew why, but everyone remembered"
    " the words [A]",
    "She gave her new boat the name [A] [B]. Everyone soon knew the boat called [A]",
    "The password for the computer was [A] [B]. Every morning I typed [A]",
    "My favourite band is called [A] [B]. Last night I went to see [A]",
    "In our town they make a cheese called [A] [B]. Visitors always ask for [A]",
    "The best game of the year was [A] [B]. All the children played [A]",
    "On holiday we stayed at the hotel [A] [B]. Next year we shall return to [A]",
    "The secret code of the day is [A] [B]. Please repeat it: [A]",
)

_OF_NAMES = (
    "My neighbour introduced himself as [A] [B]. Today I had coffee with [A]",
    "The winner of the race was [A] [B]. The crowd cheered for [A]",
    "This book was written by [A] [B]. I have read everything by [A]",
    "The police were looking for [A] [B]. A witness claimed to have seen [A]",
    "The first lesson was taught by [A] [B]. Most students were fond of [A]",
    "The letter was signed by [A] [B]. None of us had ever heard of [A]",
    "The song was first sung by [A] [B]. The whole country fell in love with [A]",
)

# One group for each distance, between words that nothing connects.
WORD_FRAMES = tuple(
    Frame(
        f"words-{distance:02d}",
        "Then, [W] [W] [A] [B]" + " [W]" * (distance - 2) + " [A]",
        WORDS,
        WORDS,
    )
    for distance in DISTANCES
)

# One group for each sentence.
TEXT_FRAMES = tuple(
    Frame(f"text-{number:02d}", text, *words)
    for number, (text, words) in enumerate(
        [(text, (WORDS, WORDS)) for text in _OF_WORDS]
        + [(text, (NAMES, SURNAMES)) for text in _OF_NAMES],
        start=1,
    )
)
