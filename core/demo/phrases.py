"""Names and texts of invented people; the generator fills in `{topic}` and `{where}`."""

from collections.abc import Mapping, Sequence

from core.demo.presets import Kind, Sentiment

TOPICS: Sequence[str] = (
    "morning routine",
    "studio tour",
    "budget kitchen",
    "camera setup",
    "night market walk",
    "marathon diary",
    "balcony garden",
    "sourdough rescue",
    "van build",
    "thrift haul",
    "sketchbook flip",
    "train trip",
    "desk makeover",
    "winter swim",
    "one-pan dinner",
    "language challenge",
)

PLACES: Sequence[str] = (
    *("Lisbon", "Osaka", "Nairobi", "Tromsø", "Medellín", "Kraków", "Hanoi", "Leeds", "İzmir", "Quito"),
)

COMMENTS: Mapping[Sentiment, Sequence[str]] = {
    Sentiment.POSITIVE: (
        "The {topic} made my whole week 🙌",
        "I have watched the {topic} three times and still smile",
        "Hands down your best {topic} so far",
        "Tried your {topic} at home, it worked on the first go!",
        "More of the {topic}, please. I could watch an hour of it",
        "Greetings from {where}, we love the {topic} here ❤️",
        "You explain the {topic} better than anyone I follow",
        "My kids ask for the {topic} every evening now 😄",
        "So calm, so honest. Thank you for the {topic}",
        "The ending of the {topic} gave me goosebumps",
        "Qué maravilla, me encanta el {topic} 😍",
        "Das {topic}-Video ist großartig, danke dir!",
        "Merci pour le {topic}, c'est exactement ce qu'il me fallait",
        "{topic} 最高でした！また見たいです",
    ),
    Sentiment.NEUTRAL: (
        "Which lens did you use for the {topic}?",
        "Is there a longer cut of the {topic}?",
        "When does part two of the {topic} come out?",
        "How long did the {topic} take you in all?",
        "Does the {topic} also work in a small flat?",
        "Watching the {topic} on the bus in {where}",
        "Where did you get the table in the {topic}?",
        "Is the {topic} also on your other channel?",
        "Could you pin the list from the {topic}?",
        "First time I see a {topic} done this way",
        "Was the {topic} filmed in {where}?",
        "¿Habrá subtítulos para el {topic}?",
    ),
    Sentiment.NEGATIVE: (
        "Sorry, but the {topic} was mostly advertising",
        "The sound in the {topic} is so low that I gave up",
        "I expected more from the {topic} after that teaser",
        "Third {topic} this month. Are you out of ideas?",
        "The link under the {topic} is dead again",
        "Followed the {topic} step by step and it fell apart 😕",
        "Too many cuts, the {topic} gave me a headache",
        "Not what people in {where} would call a {topic}",
        "You left out the hardest part of the {topic}",
        "Schade, das {topic} war früher besser",
    ),
}

MESSAGES: Mapping[Sentiment, Sequence[str]] = {
    Sentiment.POSITIVE: (
        "Hi! Just wanted to say that the {topic} got me through a hard month. Thank you.",
        "We are a small shop in {where} and your {topic} brought us forty customers. Wow!",
        "I showed the {topic} to my mum and now she follows you too 😊",
        "Your {topic} inspired my own first video. I would be glad if you had a look!",
        "Loved meeting you in {where}! You are as kind as in the {topic}.",
        "The {topic} guide arrived today and it is beautiful. Worth every cent.",
    ),
    Sentiment.NEUTRAL: (
        "Hello, do you take bookings for the {topic} workshop in {where}?",
        "What would a mention in the next {topic} cost? We are a brand from {where}.",
        "Hi, may our school show the {topic} in class? We would name you, of course.",
        "Is the {topic} guide available as a printed book?",
        "Are you in {where} next week? We are planning a panel on the {topic}.",
        "Which e-mail address should we use for a question on the {topic}?",
    ),
    Sentiment.NEGATIVE: (
        "I ordered the {topic} guide three weeks ago and nobody answers me.",
        "You used my photo from {where} in the {topic} without asking. Please take it out.",
        "The discount code from the {topic} does not work, and support is silent.",
        "I was charged twice for the {topic} workshop. Who can fix this?",
        "Disappointed that you cancelled {where} on the day of the {topic} evening.",
    ),
}

MENTIONS: Mapping[Sentiment, Sequence[str]] = {
    Sentiment.POSITIVE: (
        "If you watch one {topic} this year, take this one 👇",
        "Copied this {topic} for our place in {where}. Best idea in ages!",
        "Everyone in {where} should know this {topic}",
        "My top three of the month: this {topic} is number one ⭐",
        "So proud to be a tiny part of this {topic}!",
    ),
    Sentiment.NEUTRAL: (
        "Comparing two ways to do a {topic}, see the second slide",
        "My attempt at the {topic}, judge for yourselves",
        "Stitching this {topic} with one from {where}",
        "A thread about the {topic}, with sources",
        "Saw the {topic} capacity filming in {where} today",
    ),
    Sentiment.NEGATIVE: (
        "Unpopular opinion: this {topic} is overrated",
        "Why this {topic} does not work for people with little time",
        "The {topic} trend needs to stop, and it started here",
        "Fact check of the {topic}: two of five claims are wrong",
    ),
}

BY_KIND: Mapping[Kind, Mapping[Sentiment, Sequence[str]]] = {
    Kind.COMMENT: COMMENTS,
    Kind.MESSAGE: MESSAGES,
    Kind.MENTION: MENTIONS,
}

#: What follows when the same person goes on; agrees with the situation of what came before.
FOLLOW_UPS: Mapping[Sentiment, Sequence[str]] = {
    Sentiment.POSITIVE: (
        "And that bit in the middle? Pure gold!",
        "Already sent it to half of {where} 😄",
        "Can't wait for the next {topic}!",
        "Sorry for the second message, I am just so happy about the {topic}",
        "Please never stop making these ✨",
    ),
    Sentiment.NEUTRAL: (
        "Asking because I plan a {topic} myself",
        "PS: I mean the one from {where}",
        "No hurry, any day is fine",
        "Found it: it is at the end of the {topic}",
        "One more question on the {topic}: which size?",
    ),
    Sentiment.NEGATIVE: (
        "Still no answer. That is a pity.",
        "And I am not the only one in {where} who thinks so",
        "I have unfollowed for now",
        "Please look into the {topic} matter, this is my second message",
    ),
}

#: What people say who came because a post went viral.
BURST: Mapping[Sentiment, Sequence[str]] = {
    Sentiment.POSITIVE: (
        "My whole feed is this {topic} and I am not even mad 😂",
        "New here because of the {topic}. Staying!",
        "From zero to obsessed with the {topic} in one minute 🔥",
        "Hello from {where}, the {topic} is everywhere!",
    ),
    Sentiment.NEUTRAL: (
        "Who else got the {topic} recommended today?",
        "Here before the {topic} hits the news in {where}",
        "Why is everyone in {where} talking about a {topic}?",
    ),
    Sentiment.NEGATIVE: (
        "Not sure why this {topic} has so many views",
        "If I see the {topic} once more I will scream",
        "Overhyped. There are better ones from {where}",
    ),
}

FIRST_NAMES: Sequence[str] = (
    *("Amélie", "Andrzej", "Ayşe", "Bjørn", "Carmen", "Chiara", "Dilnoza", "Dmytro", "Elin", "Fatou", "Gábor", "Goran"),
    *("Hiroshi", "Ifeoma", "Inês", "Ioana", "Jürgen", "Kwame", "Leilani", "Lucía", "Mairéad", "Malte", "Minh", "Nadia"),
    *("Nils", "Oluwaseun", "Paolo", "Petra", "Rahul", "Ruta", "Samir", "Sanna", "Sofía", "Tariq", "Thandiwe", "Tomáš"),
    *("Vigdís", "Wanjiru", "Yael", "Zeynep", "Юлія", "Αλέξης", "美咲", "민준", "अनन्या", "ليلى", "Željko", "Þóra"),
)

TAILS: Sequence[str] = (
    *("bakes", "runs", "draws", "travels", "reads", "codes", "gardens", "knits", "climbs", "sings", "rides", "cooks"),
    *("daily", "official", "inthewild", "andcat", "studio", "weekend", "films", "notes"),
)

#: The invented creators themselves.
PERSONAS: Sequence[str] = ("mirabloom", "tidewalker", "lumenandoak", "juniperlane", "saffronstreet", "northwindkit")
