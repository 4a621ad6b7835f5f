"""Words of place, order, size, depth and relation, as people write them."""

from __future__ import annotations

import re
from functools import lru_cache


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _table(**values: str) -> dict[str, str]:
    return {word: value for value, words in values.items() for word in words.split()}


#: Words that say where in the image something is, and the cue's value.
PLACES = _table(
    left="left leftmost lefthand leftside leftest lft",
    right="right rightmost righthand rightside rightest rt rite",
    top="top topmost upper uppermost highest up higher",
    bottom="bottom bottommost lower lowermost lowest down",
    middle="middle center centre central mid middlemost centermost midle",
)
DEPTHS = _table(
    near="front frontmost foreground closest nearest closer nearer foremost",
    far="back backmost background rear furthest farthest farther further distant distance rearmost",
)
FARTHEST = _words("closest nearest furthest farthest further farther")
SIZES = _table(
    big="big bigger biggest large larger largest huge biger bigest",
    small="small smaller smallest tiny tinier tiniest smallish",
    tall="tall taller tallest",
    short="short shorter shortest little littlest",
)
ORDERS = {
    word: rank
    for rank, words in enumerate(
        ("first 1st", "second 2nd", "third 3rd", "fourth 4th", "fifth 5th", "sixth 6th")
    )
    for word in words.split()
} | {"last": -1}
EDGES = _table(edge="edge corner edges", cut="cropped partial partially halfway half")
ALONE = _words("alone solo lone isolated separate")
#: After an order these are counted, and no things: "second row", "first base".
COUNTED = _words("row base floor baseman")
#: Words of depth that an order counts from, and of any direction that stand before it.
ORDERED = _words("front back rear foreground background")
AHEAD = _words("left right top bottom front back")
#: Behind "right" these make it say how exactly: "right next to".
EXACTLY = _words("next behind in above below under beside by front near there before on at")
#: Words of place that are halves of something, too: "lower case", "upper body".
HALVES = _words("up down lower upper higher")
#: What "little" and "short" make a kind of: "little girl", "short sleeves".
KINDS = _words(
    "girl boy kid guy man lady woman child hair haired sleeve sleeves sleeved league bit piece "
    "white"
)
#: Sides of the image, which places go with: "left side", "the front row".
SIDES = _words(
    "side row area section half corner edge end portion column most third quadrant spot position"
)
#: All words of where and which.
SIDED = PLACES.keys() | DEPTHS.keys()
LOCATING = SIDED | ORDERS.keys() | SIZES.keys() | EDGES.keys() | SIDES | ALONE
#: What stands for the image, or for who looks at it.
FRAMES = _words(
    "picture photo image pic photograph screen frame shot scene view us me camera viewer you page"
)
#: Words that name no thing, though many are nouns.
NOTHING = LOCATING | FRAMES | _words("one ones way most whatever")
#: Verbs of looking: what follows is a direction, no place.
FACING = _words("facing looking pointing turned leaning going walking heading running")
#: Parts of bodies whose number says nothing of how many bodies there are.
BODY = _words("hands arms legs feet eyes ears paws wings shoulders knees fingers tusks horns")
#: Parts of bodies, whose left and right are their owner's.
PARTS = BODY | _words(
    "hand arm leg foot shoe eye ear paw wing shoulder wheel tire knee sleeve elbow thigh finger "
    "sock boot horn tusk glove tail"
)
#: What is worn, or part of a thing: cues about it are climbed past.
WORN = PARTS | _words(
    "shirt tshirt shirts jacket coat hat cap dress pants shorts jeans skirt suit tie sweater "
    "hoodie vest top blouse outfit uniform jersey glasses sunglasses hair beard head face back "
    "helmet stripes stripe letters clothes clothing scarf tee sweatshirt trousers plaid "
    "tank tanktop tshirts pant blazer bikini swimsuit trunks spectacles goggles shoes boots gloves "
    "trouser hoody raincoat overcoat wetsuit poncho robe gown sari kimono overalls tights "
    "leggings heels cleats cardigan polo turban bandana headband necklace bracelet earrings "
    "cornrows socks sandals sneakers mitt cape hats mohawk dreads ponytails braids wig fur collar "
    "backpack purse apron gear mustache bangs ponytail number logo"
)
#: What is worn, and a thing of its own all the same.
CARRIED = _words("tie backpack purse head face helmet")
POINTERS = _words("one ones it him her them he she they that this who which what guy")
PRONOUNS = _words("him her them he she they his their us me you i it itself")
REFLEXIVES = _words("itself himself herself themselves")
POSSESSIVES = _words("his her its their my your 's s")

#: Names of colours; ``refmask.terms.colour`` knows them all.
HUES = _words(
    "red orange yellow green blue purple pink brown black white grey gray beige tan silver violet "
    "golden gold blond blonde navy crimson scarlet maroon magenta lilac lavender turquoise teal "
    "cyan lime olive khaki cream"
)
#: Of these, some are things, too.
FRUITS = _words("orange olive lime")
COLOURS = HUES | _words("striped plaid dark light")

#: Relations by the words that state them.
RELATIONS: dict[tuple[str, ...], str] = {
    tuple(words.split()): name
    for name, group in {
        "near": "next to|beside|besides|near|nearest|nearest to|closest to|closer to|close to|by|"
        "adjacent to|along|alongside|around|at|against|touching|hugging|nearer|across from|"
        "standing by",
        "left": "left of|to the left of|to left of|on the left of|on left of|on the left side of|"
        "to the left side of|on left side of|left side of|left from|left to",
        "right": "right of|to the right of|to right of|on the right of|on right of|right side of|"
        "on the right side of|to the right side of|on right side of|right from|right to",
        "above": "above|over|on top of|atop|higher than|top of",
        "below": "below|under|underneath|beneath|lower than|bottom of",
        "behind": "behind|in back of|in the back of|back of|hind",
        "front": "in front of|in the front of|front of|ahead of|before",
        "on": "on|upon|onto|sitting on|riding|on the",
        "in": "in|inside|within|inside of|in the|into",
        "has": "with|w/|w|has|have|having|holding|wearing|carrying|containing|eating|using|"
        "pushing|of|without|w/o|no",
        "far": "far from|away from|farthest from|furthest from|farther from|further from|"
        "far away from",
        "except": "not|but not|and not|but|except|except for|excluding|other than|rather than|"
        "instead of",
        "between": "between|in between|in the middle of|amid|among|inbetween",
    }.items()
    for words in group.split("|")
}
LONGEST = max(map(len, RELATIONS))
RELATION_WORDS = frozenset(words[0] for words in RELATIONS)
PORTIONS = _words(
    "piece part portion slice slices pieces bunch layer layers stack chunk bit pair group set "
    "couple trio line herd flock crowd bundle pile arm leg rest kind type top bottom edge corner"
)
OF_BODIES = _words("butt head face neck tail rear ass mouth nose ear ears legs leg body")
#: Of these, with "of", the target is the whole: "side of the cake", "piece of pizza".
WHOLES = _words("side half row end section") | SIDED | PORTIONS | OF_BODIES | PARTS
#: At the end of an expression these belong to a verb before: "chair girl sits on".
STRANDED = _words("on in with at under")
#: Before the last word these make it a verb that someone does: "sandwich guy is holding".
PROGRESSIVE = _words("is are s 's was has")
#: Who wears clothes.
PERSONS = _words(
    "man men woman women guy guys girl girls boy boys lady ladies kid kids child children person "
    "people player catcher batter umpire skier dude gentleman male female baby"
)
NEGATIONS = _words("not no n't n\u2019t nt isnt never non without w/o except excluding")
#: Words that say what is not so, apostrophes in any form or left out.
DENIALS = re.compile(
    r"""\b\w* \s? n ['`\u2018\u2019\u00b4\u02bc\u2032] t \b
    | \b (?: \w+ \s nt | not | no | never | cannot | without | w/o | except | excluding | neither
           | nor | none | nobody | nothing | nowhere | instead \s of | (?:other|rather) \s than
           | (?:is|are|was|were|do|does|did|has|have|had|ca|wo|could|would|should) nt ) \b""",
    re.VERBOSE,
)
#: "But" leaves something out after these only.
ANYTHING = _words("all every any everything everyone everybody anything anyone")


#: Words of place, and "behind", that people glue to the word before or after them.
_GLUE = re.compile(
    "(left|right|middle|center|bottom|behind|front|top|upper|lower|back|far)"
    "(left|right|middle|center|side|front|background|back|corner|cut|bottom|top)"
    "|(left|right|bottom|behind|middle)([a-z]{3,})|([a-z]{3,})(left|right)"
)
#: Words that only look like two.
_WHOLE = re.compile(
    "(?:left|right|middle|bottom|behind|front)(?:overs?|ist|ish|est|iest|ier|most|hand|wards?|side|less"
    "|handers?|eyed?|field|weight|man|men|eous|eously|ful|fully|ness)|(?:b|up|alr|out|down|copy|forth|birth|[a-z]*w)"
    "right|backside|topside|background|backfront"
)
_GLUED = re.compile(
    "(?:on|at|far|from|in|the|very)?(left|right|top|bottom|upper|lower|middle|center|centre|front|back)"
    "(?:s|most|side|hand)?"
)
_LONG = tuple(
    word
    for word in (*PLACES, *DEPTHS, *SIZES, *ORDERS, "behind", "between", "beside", "corner")
    if len(word) > 5 and word not in ("higher", "longer")
)
#: Short words that are found with a slip, too.
_SHORT = ("left", "right", "front", "first", "third", "upper", "lower")
#: Words with two letters exchanged.
SWAPPED = {
    word[:at] + word[at + 1] + word[at] + word[at + 2 :]: word
    for word in ("left", "right", "front", "back", "third", "first", "next", "near")
    for at in range(1, len(word) - 1)
}
#: Words of their own, though one slip away from a word of place.
NO_SLIPS = _words(
    "close closed closes closet closets father clover neater backs rights tops backside button "
    "litter tale tell table leafs left lift lifts loft lefts lest lent leaf fright rights "
    "frost frond frown fists fist firs thirds thirst fires uppers lover loner loser lowers behinds "
    "muddle meddle seconds bottoms centers centered tenter corners corned cornet smalls tinier "
    "bagger bugger binger bedside lager larder shooter shouter snorter sorter talker tiller tinder "
    "tinker tinter coiner corker cornea coroner corer censer foremast topmast leftist rightist "
    "tall taller teller tallest hither nether necks fort forth font fronts backed resides besides"
)


def unglued(word: str) -> int | None:
    """Where a word falls into two: 6 of "behindslight", 5 of "rightcut"; None where it is one."""
    found = None if len(word) < 6 or _WHOLE.fullmatch(word) else _GLUE.fullmatch(word)
    if found is None or word in NO_SLIPS:
        return None
    return len(next(filter(None, found.groups())))


@lru_cache(4096)
def normal(word: str) -> str:
    """A word as the tables above spell it: "onright" and "leftside" are left and right."""
    known = word in PLACES or word in DEPTHS or word in SIZES or word in ORDERS
    if known or len(word) < 4 or word in NO_SLIPS:
        return word
    if (found := _GLUED.fullmatch(word)) and word != found[1]:
        return found[1]
    if word in SWAPPED:
        return SWAPPED[word]
    for known_word in (*_SHORT, *_LONG) if len(word) > 4 else _SHORT:
        if known_word[0] == word[0] and _one_slip(word, known_word):
            return known_word
    return word


def _one_slip(one: str, other: str) -> bool:
    """Whether a letter too many, too few, wrong, or two exchanged make one word of the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    first = next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if first is None:
        return len(one) != len(other)
    a, b = one[first:], other[first:]
    return a[1:] == b or a == b[1:] or a[1:] == b[1:] or (a[:2] == b[1::-1] and a[2:] == b[2:])
