"""A grammar that writes short, invented news items in four classes.

The sentences stand in `TOPICS` at the end of this file: for each topic a few headlines, opening sentences,
details and closings.  Two marks turn one of them into thousands:

    [rose|fell]          one of the alternatives (they may be nested)
    {person}, {10-90}    a slot: a drawn name, word or number

A slot is drawn once per item and then remembered, so that `{person}` is the same woman in every sentence of
an item and `{person2}` is somebody else.  Number ranges such as `{10-90}` are drawn anew each time.  Some
slots have parts: `{person.last}`, `{person.he}`, `{place.capital}`.  People, companies, clubs and institutes
are invented; countries and cities are real.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Person:
    """An invented person: `{person}` prints the full name, `{person.last}`, `{person.he}`, ... the rest."""

    full: str
    last: str
    he: str
    him: str
    his: str

    def __str__(self) -> str:
        return self.full


@dataclass(frozen=True)
class Place:
    """A real country, with one of its cities chosen for this item."""

    country: str
    adj: str
    money: str
    capital: str
    city: str
    city2: str
    name_pool: str

    def __str__(self) -> str:
        return self.country


@dataclass(frozen=True)
class Team:
    """An invented club: a real city and a nickname."""

    city: str
    animals: str

    def __str__(self) -> str:
        return f"{self.city} {self.animals}"

    @property
    def nick(self) -> str:
        return f"the {self.animals}"


@dataclass(frozen=True)
class Company:
    """An invented company: a stem and a word for its sector."""

    stem: str
    suffix: str

    def __str__(self) -> str:
        return f"{self.stem} {self.suffix}"


@dataclass
class Topic:
    """The sentences of one topic, by the mark at the start of their line in `TOPICS`."""

    label: str
    name: str
    headlines: list[str] = field(default_factory=list)  # ^
    leads: list[str] = field(default_factory=list)  # +
    details: list[str] = field(default_factory=list)  # -
    closings: list[str] = field(default_factory=list)  # >
    stems: list[str] = field(default_factory=list)  # ~ for a model to finish


@dataclass(frozen=True)
class Draft:
    """One item as the grammar writes it.  `stem` is the beginning of another last sentence than `closing`."""

    label: str
    topic: str
    headline: str
    opening: str
    closing: str
    stem: str

    @property
    def text(self) -> str:
        return f"{self.headline}{self.opening} {self.closing}"

    @property
    def prompt(self) -> str:
        return f"{self.opening} {self.stem}"


def write_draft(topic: Topic, rng: random.Random) -> Draft:
    """Write one item: sometimes a headline or a dateline, an opening sentence, often a detail, a closing."""
    cast = Cast(rng)
    lead = cast.sentence(rng.choice(topic.leads))
    headline = ""
    style = rng.random()
    if style < 0.40:
        headline = cast.best_headline(topic.headlines, lead)
    elif style < 0.55:
        lead = f"{cast.draw('place').city.upper()} - {lead}"
    parts = [lead]
    if rng.random() < 0.8:
        parts.append(cast.sentence(rng.choice(topic.details)))
    known = set(cast.introduced)
    stem = cast.sentence(rng.choice(topic.stems))
    cast.introduced = known
    closing = cast.sentence(rng.choice(topic.closings))
    return Draft(topic.label, topic.name, headline, " ".join(parts), closing, stem)


def read_topics(source: str) -> list[Topic]:
    """Parse the text of `TOPICS`; sentences of the topic "any" are shared by all topics of that class."""
    topics: list[Topic] = []
    for line in re.sub(r"\n  +", " ", source).strip().splitlines():
        mark, text = line[0], line[2:].strip()
        if mark == "#":
            label, name = text.split(": ")
            topics.append(Topic(label, name))
        else:
            topic = topics[-1]
            kinds = {
                "^": topic.headlines,
                "+": topic.leads,
                "-": topic.details,
                ">": topic.closings,
                "~": topic.stems,
            }
            kinds[mark].append(text)
    shared = {topic.label: topic for topic in topics if topic.name == "any"}
    topics = [topic for topic in topics if topic.name != "any"]
    for topic in topics:
        topic.closings += shared[topic.label].closings
        topic.stems += shared[topic.label].stems
    return topics


class Cast:
    """The people, places and words of one item: a slot is drawn at its first use and then remembered."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.drawn: dict[str, object] = {}
        self.introduced: set[str] = set()  # people whose full name the reader has seen

    def sentence(self, template: str) -> str:
        text = polish(self.expand(template))
        first = re.search(r"[A-Za-z]", text)
        assert first is not None
        return text[: first.start()] + text[first.start()].upper() + text[first.end() :]

    def best_headline(self, templates: list[str], lead: str) -> str:
        """Of a dozen headlines the one that says most nearly the same as the opening sentence, or none."""

        def agreement(headline: str) -> float:
            words = [word for word in re.findall(r"\w+", headline.lower()) if len(word) > 3 or word.isdigit()]
            return sum(word[:4] in known for word in words) / len(words)

        known = {word[:4] for word in re.findall(r"\w+", lead.lower())}
        best = max((self.headline(self.rng.choice(templates)) for _ in range(12)), key=agreement)
        numbers_agree = set(re.findall(r"\d+", best)) <= set(re.findall(r"\d+", lead))
        ways_agree = all(
            re.search(way, lead, re.I) for way in (UPWARD, DOWNWARD) if re.search(way, best, re.I)
        )
        return f"{best} - " if agreement(best) > 0.7 and numbers_agree and ways_agree else ""

    def headline(self, template: str) -> str:
        """Family names only, and most words with a capital."""
        before = set(self.introduced)
        self.introduced |= {person.last for person in map(self.draw, re.findall(PERSON_SLOT, template))}
        words = polish(self.expand(template)).split()
        self.introduced = before
        small = {
            "a",
            "an",
            "and",
            "as",
            "at",
            "by",
            "for",
            "from",
            "in",
            "of",
            "off",
            "on",
            "over",
            "the",
            "to",
            "with",
        }
        words = [word if word in small else word[0].upper() + word[1:] for word in words]
        words[0] = words[0][0].upper() + words[0][1:]
        return " ".join(words)

    def expand(self, template: str) -> str:
        """Choose among the alternatives `[a|b]`, innermost first, and then fill the slots."""
        while found := re.search(r"\[([^\[\]]*)\]", template):
            choice = self.rng.choice(found[1].split("|"))
            template = template[: found.start()] + choice + template[found.end() :]
        return re.sub(r"\{([^{}]+)\}", lambda slot: self.fill(slot[1]), template)

    def fill(self, slot: str) -> str:
        if re.fullmatch(r"[\d,]+-[\d,]+", slot):
            return self.number(*slot.split("-"))
        name, _, part = slot.partition(".")
        value = self.draw(name)
        if isinstance(value, Person) and part in ("", "last"):
            return self.call(value)
        return str(getattr(value, part) if part else value)

    def call(self, person: Person) -> str:
        """A full name at the first mention and a family name afterwards, whatever the template asked for."""
        if person.last in self.introduced:
            return person.last
        self.introduced.add(person.last)
        return person.full

    def number(self, low: str, high: str) -> str:
        """A whole number, rounded as a newspaper would if it is large."""
        value = self.rng.randint(int(low.replace(",", "")), int(high.replace(",", "")))
        if "," in high:
            return f"{round(value, -2):,}"
        return str(round(value, -1) if value > 250 and value % 3 else value)

    def draw(self, name: str) -> Any:
        if name not in self.drawn:
            kind = name.rstrip("0123456789")
            taken = {distinguishing_name(value) for value in self.drawn.values()}
            value = self.new(kind)
            for _ in range(50):
                if distinguishing_name(value) not in taken:
                    break
                value = self.new(kind)
            self.drawn[name] = value
        return self.drawn[name]

    def new(self, kind: str) -> object:
        if kind == "place":
            return self.new_place()
        if kind in PERSON_HOMES:
            return self.new_person(self.draw(PERSON_HOMES[kind]).name_pool)
        if kind == "team":
            return Team(self.new_place().city, self.rng.choice(NICKNAMES.split()))
        if kind in SECTORS:
            return Company(self.rng.choice(COMPANY_STEMS.split()), self.rng.choice(SECTORS[kind].split("|")))
        if kind in SCORES:
            return SCORES[kind](self.rng)
        return self.rng.choice(WORDS[kind].split("|"))

    def new_place(self) -> Place:
        country, adj, money, pool, cities = self.rng.choice(COUNTRIES)
        city, city2 = self.rng.sample(cities.split(", "), 2)
        return Place(country, adj, money, cities.split(", ")[0], city, city2, pool)

    def new_person(self, pool: str) -> Person:
        women, men, families = NAME_POOLS[pool]
        last = self.rng.choice(families.split())
        if self.rng.random() < 0.45:
            return Person(f"{self.rng.choice(women.split())} {last}", last, "she", "her", "her")
        return Person(f"{self.rng.choice(men.split())} {last}", last, "he", "him", "his")


def distinguishing_name(value: object) -> str:
    """Two people of an item may not share a family name, nor two companies a stem."""
    for part in ("last", "stem", "country"):
        if hasattr(value, part):
            return getattr(value, part)
    return str(value)


def polish(text: str) -> str:
    """What a template cannot know of the words that fill it: "an eight-hour", "a university", "the 21st"."""
    text = re.sub(r"(?<!1)([123])th\b", lambda found: {"1": "1st", "2": "2nd", "3": "3rd"}[found[1]], text)
    text = text.replace("States's", "States'")
    text = re.sub(r"\b([Aa]) (?=[aeioAEIO]|un[^i]|8|11\b|18\b)(?!one|once|eu|Eu)", r"\1n ", text)
    return re.sub(r"\b([Aa])n (?=[^aeiouhAEIOUHLFMNRSX8\W\d]|one|once|eu|Eu|uni|9|7|6|5|4|3|2)", r"\1 ", text)


def football_score(rng: random.Random) -> str:
    goals = rng.choice([1, 1, 2, 2, 2, 3, 3, 4])
    return f"{goals}-{rng.randrange(goals)}"


def tennis_set(rng: random.Random) -> str:
    return rng.choice(["6-1", "6-2", "6-3", "6-3", "6-4", "6-4", "7-5", "7-6"])


def tennis_score(rng: random.Random) -> str:
    """Two sets won, sometimes with one lost between them."""
    lost = [tennis_set(rng)[::-1]] if rng.random() < 0.5 else []
    return ", ".join([tennis_set(rng), *lost, tennis_set(rng)])


def unfinished_tennis_score(rng: random.Random) -> str:
    return f"{tennis_set(rng)}, {rng.randint(2, 5)}-{rng.randint(0, 4)}"


def points_score(rng: random.Random, low: int, high: int, margin: int) -> str:
    losing = rng.randint(low, high)
    return f"{losing + rng.randint(1, margin)}-{losing}"


SCORES: dict[str, Callable[[random.Random], str]] = {
    "football": football_score,
    "tennis": tennis_score,
    "opening": unfinished_tennis_score,
    "basket": lambda rng: points_score(rng, 78, 110, 19),
    "rugby": lambda rng: points_score(rng, 6, 24, 20),
    "baseball": lambda rng: points_score(rng, 1, 6, 5),
    "hockey": lambda rng: points_score(rng, 1, 3, 3),
}

# Whose country a person comes from.
PERSON_HOMES = {"person": "place", "rival": "place2", "stranger": "place3"}
PERSON_SLOT = r"\{((?:person|rival|stranger)\d*)"

# Words for a rise and for a fall: a headline may not say the one where its story says the other.
UPWARD = r"\b(rise|rising|rose|up|gain|climb|jump|rall|grew|grow|higher|raise|widen|quicken|beat)"
DOWNWARD = r"\b(fall|fell|slip|lose|losing|drop|down|tumbl|plung|lower|shed|shr|slow|ease|cut|narrow|miss)"

# pool: (women's first names, men's first names, family names)
NAME_POOLS: dict[str, tuple[str, str, str]] = {
    "english": (
        "Alice Claire Fiona Gemma Harriet Joanna Kate Louise Megan Nora Paula Rachel Tessa Wendy",
        "Adrian Barry Colin Dennis Edwin Frank Gareth Howard Ian Keith Martin Neil Owen Stuart",
        "Abbotsley Barrowby Caldbeck Dunsmore Elkington Fairhurst Greaves Hallam Ibbotson Kendrick Lathom "
        "Merrow Norwell Pemberly Quarrie Redfern Stanhill Thornbury Underhay Wexcombe",
    ),
    "spanish": (
        "Ana Beatriz Carmen Elena Gloria Ines Lucia Marta Pilar Rosa Silvia Teresa",
        "Alvaro Bruno Cesar Diego Ernesto Felipe Gonzalo Hugo Ignacio Javier Marcos Ruben",
        "Arrieta Barrantes Cordero Duarte Escobedo Figuera Galindo Herrador Ibarra Ledesma Montoro Navas "
        "Olmedo Quiroga Robledo Salcedo Tejada Urrutia Valdes Zamorano",
    ),
    "portuguese": (
        "Adriana Bruna Clara Daniela Helena Ines Joana Leticia Mariana Sofia",
        "Afonso Caio Duarte Fabio Gustavo Henrique Luis Nuno Rafael Tiago",
        "Almada Barreto Carvalhal Damasceno Esteves Fontoura Guedes Lacerda Meireles Nogueira Peixoto "
        "Queiroz "
        "Sampaio Teles Valadares",
    ),
    "french": (
        "Amelie Brigitte Camille Delphine Elodie Helene Juliette Manon Nathalie Sylvie",
        "Antoine Bastien Cedric Damien Etienne Gilles Julien Laurent Mathieu Pascal",
        "Aubertin Beaulieu Charpentier Delacour Fontaine Garnier Joubert Lacombe Marchand Noiret Perrin "
        "Renaudin Sauvage Tessier Vasseur",
    ),
    "german": (
        "Anke Birgit Doris Eva Greta Heike Ilse Jutta Katrin Monika",
        "Bernd Dieter Ernst Florian Gunther Holger Jens Klaus Lothar Stefan",
        "Achterberg Brandauer Dornfeld Eichler Fassbach Grunewald Hartwig Imhoff Kestner Lindau Mertens "
        "Osterkamp Reinhold Sommerfeld Weidner",
    ),
    "italian": (
        "Alessia Bianca Chiara Donatella Elisa Francesca Giulia Lorena Paola Valeria",
        "Alberto Carlo Dario Enzo Fabrizio Giorgio Luca Matteo Paolo Sandro",
        "Albanesi Bellucchi Castellari Donati Ferrante Gallardi Lombardo Marchesi Nardini Orsatti Pellegri "
        "Rinaldo Santoro Tavella Vitale",
    ),
    "nordic": (
        "Astrid Birgitta Dagny Freja Gudrun Ingrid Karin Liv Maja Solveig",
        "Anders Bjorn Einar Gustav Henrik Jorgen Lars Magnus Nils Sven",
        "Aasen Bergstrand Dahlin Ekholm Fjeldstad Granlund Halvorsen Isaksen Kvist Lindqvist Moberg Nygard "
        "Ostby Rosenlund Sandvik",
    ),
    "finnish": (
        "Aino Eeva Hanna Kaisa Liisa Marja Outi Riitta Sari Tuuli",
        "Antti Eero Heikki Jukka Kimmo Matti Olli Pekka Risto Timo",
        "Aaltola Harju Ikonen Jokela Karvonen Laakso Manninen Niskala Ojala Peltonen Rantala Salonen Toivola",
    ),
    "slavic": (
        "Agata Danuta Ewa Hana Ivana Jitka Katarina Lenka Magda Zofia",
        "Andrzej Bogdan Dominik Filip Jakub Karel Lukas Marek Pavel Tomasz",
        "Adamski Bielak Cerny Dvorsky Gorski Horak Jelinek Kowal Lipska Marec Novotka Pokorny Rybak Sedlak "
        "Urban Wilk Zelenka",
    ),
    "balkan": (
        "Ana Biljana Daria Elena Ivanka Jelena Milena Nadia Petra Vesna",
        "Bojan Dragan Goran Ivo Luka Marko Nikola Ognjen Stefan Zoran",
        "Antonov Bakic Dimov Georgescu Ilic Juric Kolarov Lazarev Maric Nedelcu Petkov Radan Simic "
        "Todorov Vukas",
    ),
    "greek": (
        "Anna Despina Eleni Ioanna Katerina Maria Sofia Vasiliki",
        "Andreas Christos Dimitris Giorgos Kostas Nikos Petros Yannis",
        "Alexiou Damaskos Economou Fotiadis Kalogeras Lambrakis Manolas Nikolaou Pavlidis Raptis "
        "Stathis Zervas",
    ),
    "turkish": (
        "Aylin Berna Ceyda Dilek Elif Hande Leyla Nermin Selin Zeynep",
        "Ahmet Burak Cem Deniz Emre Hakan Kemal Murat Okan Tarik",
        "Aksoy Bulut Cetiner Duman Ersoy Gunay Karaca Ozdal Polat Sezgin Tekinay Uysal Yalman",
    ),
    "arabic": (
        "Amal Dina Farah Hala Layla Mona Nadia Rania Salma Yasmin",
        "Adel Bassam Faisal Hassan Karim Mahmoud Nabil Omar Samir Tarek",
        "Abboud Barakat Daher Fayad Ghanem Haddad Jabbour Khalaf Mansour Naim Qasim Rashad Shadid "
        "Tawfiq Zayed",
    ),
    "indian": (
        "Anjali Deepa Geeta Kavita Lakshmi Meera Nandini Priya Rekha Sunita",
        "Anil Deepak Ganesh Harish Kiran Mohan Naveen Prakash Ravi Suresh",
        "Acharya Banerji Chandran Deshpal Ghoshal Iyengar Joshi Kulkarni Menon Nambiar Pillai Rao Saxena "
        "Thakkar Varma",
    ),
    "eastafrican": (
        "Achieng Faith Grace Halima Imani Mercy Neema Rehema Wanjiru Zawadi",
        "Baraka Daudi Elijah Hamisi Juma Kamau Mosi Otieno Peter Simba",
        "Barasa Chebet Gathoni Kariuki Kiplagat Langat Macharia Mushi Mwakasa Njoroge Ochieng Rotich Wambua",
    ),
    "westafrican": (
        "Abena Adaeze Akosua Amina Efua Fatou Ngozi Ramatou Yaa Zainab",
        "Chidi Emeka Kofi Kwame Lamine Mamadou Obinna Sule Tunde Yaw",
        "Adeyinka Agyare Boakye Chukwura Danso Ekwueme Fofana Ibekwe Kouyate Mensah Nwankwo Okonjo Sowande",
    ),
    "southafrican": (
        "Anele Busi Elsie Lindiwe Naledi Nomsa Thandi Zanele",
        "Andile Johan Kagiso Pieter Sipho Tebogo Themba Vusi",
        "Botham Dlamini Khumalo Mabaso Mokoena Ndlela Nkosi Sithebe Steyler Venter Zungu",
    ),
    "japanese": (
        "Aiko Emi Haruka Kaori Mariko Naomi Reiko Sachiko Tomoko Yumi",
        "Akira Daisuke Hiroshi Kazuo Kenji Masato Shinji Takeshi Yuji",
        "Aokawa Fujimori Hasebe Inoguchi Kawabe Matsuda Morishita Nakahara Okabe Sakamori Takeda Uehara "
        "Yamashiro",
    ),
    "korean": (
        "Eun-ji Ha-na Ji-won Min-seo Soo-jin Yu-na",
        "Dong-min Hyun-woo Jae-ho Joon-ki Sang-hoon Tae-sung",
        "Bae Chung Han Jang Kwon Noh Oh Ryu Shim Yoo",
    ),
    "vietnamese": (
        "Hoa Lan Linh Mai Phuong Thuy",
        "Anh Dung Hieu Long Minh Tuan",
        "Bui Dang Dinh Hoang Luong Phan Vo",
    ),
    "indonesian": (
        "Ayu Dewi Indah Kartika Ratna Sari Wulan",
        "Agus Bambang Eko Hendra Rizal Surya Yusuf",
        "Gunadi Hartanto Iskandar Kusuma Nasution Pranoto Santosa Siregar Tanudjaja Wibisono",
    ),
}

# country, adjective, currency, name pool, cities (the capital first)
COUNTRIES: list[tuple[str, str, str, str, str]] = [
    ("Argentina", "Argentine", "pesos", "spanish", "Buenos Aires, Cordoba, Rosario, Mendoza"),
    ("Australia", "Australian", "Australian dollars", "english", "Canberra, Perth, Adelaide, Brisbane"),
    ("Austria", "Austrian", "euros", "german", "Vienna, Graz, Linz, Salzburg"),
    ("Belgium", "Belgian", "euros", "french", "Brussels, Ghent, Antwerp, Liege"),
    ("Brazil", "Brazilian", "reais", "portuguese", "Brasilia, Recife, Curitiba, Manaus"),
    ("Britain", "British", "pounds", "english", "London, Leeds, Cardiff, Bristol"),
    ("Bulgaria", "Bulgarian", "leva", "balkan", "Sofia, Plovdiv, Varna, Burgas"),
    ("Canada", "Canadian", "Canadian dollars", "english", "Ottawa, Halifax, Winnipeg, Calgary"),
    ("Chile", "Chilean", "pesos", "spanish", "Santiago, Valparaiso, Concepcion, Temuco"),
    ("Colombia", "Colombian", "pesos", "spanish", "Bogota, Cali, Medellin, Cartagena"),
    ("Croatia", "Croatian", "euros", "balkan", "Zagreb, Split, Rijeka, Zadar"),
    ("Denmark", "Danish", "kroner", "nordic", "Copenhagen, Aarhus, Odense, Aalborg"),
    ("Egypt", "Egyptian", "Egyptian pounds", "arabic", "Cairo, Alexandria, Luxor, Aswan"),
    ("Finland", "Finnish", "euros", "finnish", "Helsinki, Tampere, Turku, Oulu"),
    ("France", "French", "euros", "french", "Paris, Lyon, Nantes, Toulouse"),
    ("Germany", "German", "euros", "german", "Berlin, Hamburg, Stuttgart, Leipzig"),
    ("Ghana", "Ghanaian", "cedis", "westafrican", "Accra, Kumasi, Tamale, Takoradi"),
    ("Greece", "Greek", "euros", "greek", "Athens, Patras, Thessaloniki, Larissa"),
    ("India", "Indian", "rupees", "indian", "New Delhi, Mumbai, Chennai, Pune"),
    ("Indonesia", "Indonesian", "rupiah", "indonesian", "Jakarta, Surabaya, Bandung, Medan"),
    ("Ireland", "Irish", "euros", "english", "Dublin, Cork, Galway, Limerick"),
    ("Italy", "Italian", "euros", "italian", "Rome, Milan, Turin, Bari"),
    ("Japan", "Japanese", "yen", "japanese", "Tokyo, Osaka, Sapporo, Nagoya"),
    ("Jordan", "Jordanian", "dinars", "arabic", "Amman, Irbid, Aqaba"),
    ("Kenya", "Kenyan", "shillings", "eastafrican", "Nairobi, Mombasa, Kisumu, Eldoret"),
    ("Mexico", "Mexican", "pesos", "spanish", "Mexico City, Puebla, Monterrey, Merida"),
    ("Morocco", "Moroccan", "dirhams", "arabic", "Rabat, Casablanca, Fez, Tangier"),
    (
        "New Zealand",
        "New Zealand",
        "New Zealand dollars",
        "english",
        "Wellington, Auckland, Dunedin, Hamilton",
    ),
    ("Nigeria", "Nigerian", "naira", "westafrican", "Abuja, Lagos, Kano, Ibadan"),
    ("Norway", "Norwegian", "kroner", "nordic", "Oslo, Bergen, Tromso, Stavanger"),
    ("Peru", "Peruvian", "soles", "spanish", "Lima, Cusco, Arequipa, Trujillo"),
    ("Poland", "Polish", "zlotys", "slavic", "Warsaw, Krakow, Gdansk, Poznan"),
    ("Portugal", "Portuguese", "euros", "portuguese", "Lisbon, Porto, Braga, Coimbra"),
    ("Romania", "Romanian", "lei", "balkan", "Bucharest, Cluj, Timisoara, Iasi"),
    ("Senegal", "Senegalese", "francs", "westafrican", "Dakar, Thies, Kaolack"),
    ("Serbia", "Serbian", "dinars", "balkan", "Belgrade, Novi Sad, Nis"),
    ("South Africa", "South African", "rand", "southafrican", "Pretoria, Cape Town, Durban, Johannesburg"),
    ("South Korea", "South Korean", "won", "korean", "Seoul, Busan, Daegu, Incheon"),
    ("Spain", "Spanish", "euros", "spanish", "Madrid, Valencia, Seville, Bilbao"),
    ("Sweden", "Swedish", "kronor", "nordic", "Stockholm, Gothenburg, Malmo, Uppsala"),
    ("Switzerland", "Swiss", "francs", "german", "Bern, Zurich, Geneva, Basel"),
    ("Tanzania", "Tanzanian", "shillings", "eastafrican", "Dodoma, Dar es Salaam, Arusha, Mwanza"),
    ("the Czech Republic", "Czech", "crowns", "slavic", "Prague, Brno, Ostrava, Pilsen"),
    ("the United States", "American", "dollars", "english", "Washington, Denver, Boston, Seattle, Chicago"),
    ("Turkey", "Turkish", "lira", "turkish", "Ankara, Istanbul, Izmir, Bursa"),
    ("Vietnam", "Vietnamese", "dong", "vietnamese", "Hanoi, Danang, Hue, Can Tho"),
]

COMPANY_STEMS = (
    "Alderwyn Altavane Arkwell Ashgrove Belcourt Bramholt Bryndell Calder Carrowmore Castrane Corvane "
    "Crestholm "
    "Dalmere Darnley Dunmarrow Eastmoor Ellerby Esterhall Falkmere Fenwright Garvane Glenholt Hallamore "
    "Harcombe "
    "Holmgate Ironbrook Jarrowby Kelmarsh Kestrel Kingsmere Lanford Larkhill Lindermann Marlowe "
    "Merrivale Montclare "
    "Norhaven Northwyn Oakhelm Orlane Overbeck Pellworth Penhallow Quillan Ravenshaw Redmarsh Rosthorn "
    "Sandmere "
    "Selwick Silvermoor Stellan Tarrant Thornfield Trevane Ulverton Valmont Varnholm Wexmoor Whitlock "
    "Wyndale Zellmark"
)

# sector: how its companies are called, and what one of them is
SECTORS: dict[str, str] = {
    "airline": "Airways|Air|Airlines",
    "bank": "Bank|Savings Bank|Capital",
    "carmaker": "Motors|Automotive",
    "software": "Software|Systems|Digital|Networks",
    "chipmaker": "Semiconductor|Microdevices|Circuits",
    "drugmaker": "Pharma|Therapeutics|Biosciences",
    "retailer": "Stores|Markets|Outfitters",
    "oil": "Petroleum|Energy|Oil and Gas",
    "miner": "Mining|Metals|Resources",
    "telecom": "Telecom|Mobile|Wireless",
    "insurer": "Insurance|Mutual|Assurance",
    "shipper": "Shipping|Freight|Logistics",
    "brewer": "Breweries|Foods|Beverages",
    "maker": "Industries|Works|Manufacturing|Engineering",
    "hardware": "Electronics|Devices|Computers",
    "robotics": "Robotics|Automation|Dynamics",
    "aerospace": "Aerospace|Launch|Orbital",
}

NICKNAMES = (
    "Herons Comets Badgers Foxes Mariners Pilots Lancers Harriers Otters Miners Falcons Wolves Ravens "
    "Stags "
    "Bulls Terriers Sailors Thunder Pioneers Hornets Kestrels Rovers Wanderers Admirals Archers Rangers"
)

# Plain word lists: slot name -> choices separated by "|".
WORDS: dict[str, str] = {
    "day": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday",
    "workday": "Monday|Tuesday|Wednesday|Thursday|Friday",
    "month": "January|February|March|April|May|June|July|August|September|October|November|December",
    "season": "spring|summer|autumn|winter",
    "few": "two|three|four|five|six|seven|eight",
    "ordinal": "second|third|fourth|fifth|sixth",
    "year": "1962|1974|1983|1988|1991|1996|1999|2003|2006|2009|2012|2015|2018",
    "lately": "2009|2012|2015|2016|2018|2019",
    "island": "Tarsa|Melno|Corrin|Haska|Little Ren|Oduro|Sant Elm|Varo|Kettle Island",
    "quarter": "first|second|third|fourth",
    "region": "Karsund|Tamarel|Oveshti|Belmora|Sarrano|Lindesh|Mirovia|Tolgar|Venhara|Ostrava Hills|"
    "Kalindi|Dunwater",
    "river": "Arlo|Besna|Carro|Dovra|Ilma|Karsa|Lenn|Morava|Narin|Ourin|Sella|Tamba|Vesk",
    "mountain": "Mount Arven|Mount Kolsa|Mount Tirrel|the Halden ridge|the Ostra range|Mount Semba",
    "party": "the Green Alliance|the Civic Union|the National Reform Party|the Labour Front|"
    "the Farmers League|"
    "the Liberal Bloc|the People's Movement|the Democratic Centre",
    "weather": "heavy rain|thick fog|strong winds|snow|a heat wave|freezing temperatures",
    "institute": "the Halden Institute|the Corran Observatory|the Marsden Laboratory|the Ostra Polytechnic|"
    "the Pellworth Institute|the Lakeside Research Centre|the Tirrel School of Medicine|"
    "the Arven Marine Station",
    "journal": "the Journal of Field Science|Open Letters in Physics|the Annals of Discovery|"
    "Living Systems|"
    "Frontier Reports|the Northern Review of Science",
    "broker": "Harlan and Stoke|Lyle Brothers|Merriman Research|the Crossgate Group|"
    "Bellweather Securities|Tidewell Advisers",
    "expert": "an analyst|an economist|a fund manager|a strategist|a trader",
    "event": "the Northern Cup|the Lakes Open|the Harbour Classic|the Continental Championship|the Autumn "
    "Trophy|the Coastal Masters|the Grand National Series|the Silver Shield",
    "language": "a dozen languages|two languages|French and English|three local languages",
    "metal": "copper|nickel|iron ore|zinc|lithium|aluminium",
    "crop": "wheat|maize|rice|coffee|cocoa|soybeans|sugar",
    "disease": "malaria|diabetes|asthma|arthritis|tuberculosis|migraine|high blood pressure|hepatitis",
    "creature": "frog|beetle|octopus|orchid|bat|gecko|moth|sea snail|spider|lizard|seahorse",
    "beast": "dinosaur|crocodile|whale|sea turtle|giant bird|shark|horned reptile|mammal",
    "planet": "Mars|Venus|Jupiter|Saturn|Mercury|Neptune",
    "moon": "Europa|Titan|Enceladus|Ganymede|Triton|Callisto",
    "probe": "Wayfarer|Pathlight|Meridian|Long Reach|Clearwater|Northstar|Candle|Skylark",
    "device": "tablet|phone|laptop|music player|watch|camera|headset",
    "particle": "neutrinos|muons|photons|electrons|protons",
    "element": "carbon|silicon|sodium|zinc|iron|graphite",
}

# Marks: "# class: topic", ^ headline, + opening sentence, - detail, > closing sentence, ~ stem.
TOPICS = """
# World: any
> "[We have waited long enough|This is a beginning, not an end|Nobody should pretend that this is easy|There
    is no plan B|I heard it on the radio and I sat down|My family talks of nothing else|Ask me again in a
    year]," said {person3}, [a [teacher|shopkeeper|nurse|bus driver|lawyer|student]|a [farmer|retired
    clerk|local councillor]] in {place.city}.
> [The government|A government spokesman|The president's office] [declined to comment|gave no further
    details|did not reply to questions] on {day}.
~ Officials said the
> [Shops|Cafes|Schools] in {place.city} [opened late|closed early|stayed open] on {day2}, and [the streets
    were quiet|people talked of little else|buses ran as usual].
> "[We will see what tomorrow brings|It is too early to say|Somebody had to say it first|We have heard
    promises before]," said {person3}, {23-84}, [outside the town hall|at a bus stop|in the market] in
    {place.city}.
> [Talks|Meetings] in {place.city2} [went on|will go on] [into the night|until {day2}], and [little|nothing]
    was known about [the details|the cost|what comes next].
> {place2.country} [offered help|sent its ambassador|said it was watching closely], and [asked for|promised]
    [calm|patience|more information].
# World: election
^ [Ruling|Governing] Party [Leads|Ahead] in {place.adj} Vote
^ {place.country} Heads for Second Round
^ [Opposition Claims Victory|Close Race Expected] in {place.country}
+ [Voters in {place.country}|Millions of {place.adj} voters] [went to the polls|cast their ballots] on {day}
    in [an election|a contest] [dominated by|fought over] [food prices|jobs|hospital waiting times|the cost
    of housing|corruption].
+ {person} of {party} [won|claimed victory in] {place.country}'s presidential election with {51-63}.{1-9}
    percent of the vote, [the electoral commission|election officials] said on {day}.
+ [Opposition leader|Former mayor|Former judge] {person} [conceded defeat|refused to concede defeat] on
    {day} after [a close|a bitter|a long] presidential race in {place.country}.
+ {party} [lost its majority|gained {8-40} seats] in {place.country}'s parliament, [partial results|early
    counts] showed, [leaving|putting] [the smaller parties|coalition talks] at the centre of attention.
+ {place.country} will hold [an early election|a run-off vote] on {month} {1-28}, {few} months [ahead of
    schedule|later than planned], [the speaker of parliament|the prime minister] announced in
    {place.capital}.
- Turnout was {48-86} percent, [the highest|the lowest] since {year}, and [no serious incidents were|only
    minor delays were] reported at polling stations.
- {person.last}, {38-71}, [campaigned on|built a campaign around] [lower taxes for families|free school
    meals|a promise to clean up the ports|repairing rural roads].
- [Observers from|A team of monitors from] {place2.country} said the count had been [slow but fair|orderly
    and open|free of major problems].
- Final results are [expected|due] by {day}, and [no party|neither camp] is likely to [win|hold] more than
    {30-48} percent of the seats.
- [Polls|Surveys] had [predicted|pointed to] a much [tighter|wider] margin [outside the capital|in the
    north|among younger voters].
> "[The people have spoken, and we must listen|We did not win everywhere, but we won|I will be the president
    of every citizen]," {person.last} told supporters in {place.city}.
> {party2}, which came [second|third], said it would [not join any coalition|ask for a recount|study the
    results] [before {day}|this week].
> [If no candidate wins outright|If the recount changes nothing], a second round will be held [in {few}
    weeks|before the end of {month}].
~ {person.last} promised voters that
~ Election officials said the count
> [Newspapers|Radio stations|Commentators] in {place.capital} [called it|described the news as] [a turning
    point|a setback for the government|an overdue step|a modest success].
# World: border talks
^ {place.country}, {place2.country} Resume Border Talks
^ [Neighbours|Ministers] Meet Over {region} Dispute
+ {place.country} and {place2.country} [agreed|promised] on {day} to [reopen|ease controls at] {few} border
    crossings [closed|shut] since {month}.
+ The foreign ministers of {place.country} and {place2.country} [met|held talks] in {place3.city} to
    [discuss|settle] a [long|bitter|decade-old] dispute over fishing [rights|limits].
+ {place.adj} officials [accused {place2.country} of [ignoring|breaking]|criticised {place2.country} for
    [ignoring|breaking]] an agreement on the waters of the {river} river, [a charge|something] that
    {place2.capital} [denied|rejected] on {day}.
+ [Talks|Negotiations] between {place.country} and {place2.country} over [customs duties|shared water|visa
    rules] [broke up without agreement|ended early] in {place3.city} on {day}.
- {place.country}'s chief negotiator, {person}, said the two sides were [close to|still far from] a
    [deal|compromise] on {few} of the {9-14} open questions.
- The dispute [began|started] in {year}, when [a new map was printed|a bridge was closed|a fishing boat was
    detained] without [warning|consultation].
- [Trade|Traffic] across the border [fell|dropped] by {12-65} percent last year, [hurting|worrying]
    [farmers|shopkeepers|truck drivers] on both sides.
- {rival}, who speaks for {place2.country}, [said|insisted] that no [map|treaty|timetable] had been
    [signed|agreed|changed].
> "[We are talking again, and that matters|A border is not a wall|We cannot move rivers, but we can share
    them]," {person.last} [told reporters|said after the meeting].
> A [new|further] round of talks is [planned|scheduled] for {month} in {place4.city}, [diplomats|officials]
    said.
> Neither [side|delegation] [would say|explained] [why the talks had failed|who would pay for the new
    checkpoints].
~ {rival.last} said that {place2.country} would
~ {person.last} told reporters that the agreement
> [Newspapers|Radio stations|Commentators] in {place.capital} [called it|described the news as] [a turning
    point|a setback for the government|an overdue step|a modest success].
# World: ceasefire
^ Truce Holds in {region}
^ [Rebels|Militia] Sign [Truce|Peace Deal] in {region}
^ [Mediators|Envoys] Return to {region}
+ [Rebel leaders|Commanders] in the [disputed|troubled|remote] {region} region [agreed to|signed] a
    {10-90}-day ceasefire on {day} after talks [led|hosted] by {place.country}.
+ A ceasefire in {region} [held for a {ordinal} day|appeared to be holding] on {day}, [allowing [aid
    trucks|buses with medicine|teams of engineers] to reach|and [aid trucks|buses with medicine|teams of
    engineers] reached] villages along the {river} river.
+ {place.adj} envoy {person} [arrived|landed] in {region} on {day} [to try to save|in a last attempt to
    rescue] a peace plan that neither side has [fully accepted|yet signed].
+ [Shelling|Gunfire] was heard [near|outside] the main town of {region} on {day}, [raising doubts
    about|hours after the start of] a truce [brokered|arranged] by {place.country}.
- Under the [plan|accord], [fighters|both armies] will [withdraw|pull back] {5-30} kilometres and hand over
    [heavy weapons|{100-900} prisoners] by {month}.
- [More than|About] {2,000-60,000} people have [left|fled] their homes since the fighting [began|resumed] in
    {month}.
- [Monitors|Observers] from {place2.country} and {place3.country} [will|are to] [patrol|watch over] the main
    road [between the hills and the coast|to the airport].
- {few} [earlier|previous] ceasefires in the region [collapsed|did not last], the last of them within {few2}
    days.
> "[Not a single shot was fired last night|My children slept for the first time in weeks|We want peace, but
    we do not trust paper]," said {person3}, a [farmer|baker|teacher] in the [valley|old town].
> {person.last} [warned|said] that the truce would [fail|collapse] unless [food|fuel|money] [arrived|reached
    the villages] before {season}.
> [Schools|Markets] in the region [reopened|will reopen] on {day2}, [the mayor said|according to local
    radio].
~ {person.last} said the ceasefire would
~ Aid workers said that families in the region
# World: floods
^ Floods Force Thousands From Homes in {place.country}
^ [Heavy Rain|Flooding] Cuts Off Towns Near {place.city}
+ [Floods|Flood waters] [forced|drove] {1,200-48,000} people from their homes [in|around] {place.city} on
    {day} after the {river} river [burst its banks|rose {2-7} metres overnight].
+ [Rescue teams|Soldiers and volunteers] in {place.country} [used boats|worked through the night] to reach
    [villages|families] [cut off|stranded] by [the worst floods since {year}|days of heavy rain].
+ [A dam|An old dike] on the {river} river [gave way|began to leak] [near|north of] {place.city} on {day},
    [flooding|threatening] {few} [villages|suburbs].
+ At least {3-60} people were [missing|reported missing] after [a landslide|a sudden flood] [hit|struck] a
    [valley|mountain road] outside {place.city}, [police|officials] said.
- [The railway|The main road] to {place.capital} was [closed|under water], and {12-90},000 homes had no
    [electricity|drinking water].
- The [weather office|meteorological service] [forecast|warned of] another {40-180} millimetres of rain
    [before {day2}|by the weekend].
- {person}, the [regional governor|interior minister], [declared an emergency|asked the army for help] and
    [cancelled|cut short] {person.his} visit to {place2.country}.
- Damage to [farms|crops and bridges] is [estimated|put] at {20-900} million {place.money}, [most of
    it|almost none of it|a third of it] insured.
> "[The water came up so fast that we left everything|I have never seen the river like this|We lost the cows
    but saved the house]," said {person3}, {27-82}.
> {place2.country} [offered|sent] {few} helicopters and [a field hospital|{10-80} tonnes of blankets].
> By {day2} the water had [begun to fall|not yet begun to fall], and [schools|shops] [stayed closed|were
    opening again].
~ The governor said the damage
~ {person3}, who spent the night on a roof, said the water
# World: earthquake
^ {5-6}.{1-9} Earthquake Shakes {place.city}
^ [Strong Quake|Tremor] Damages Homes in {place.country}
+ An earthquake of magnitude {4-6}.{1-9} [shook|struck] the [west|east|centre|south] of {place.country}
    [before dawn|in the early hours|shortly after noon] on {day}, [damaging|cracking] [hundreds of|dozens
    of] houses.
+ [Residents of|People in] {place.city} [ran into the streets|spent the night in parks] after a
    [strong|powerful] earthquake [rattled|shook] the city for {12-55} seconds.
+ [Seismologists|Geologists] recorded {11-90} aftershocks [near|south of] {place.city} on {day}, [a
    day|{few} days] after a [strong|magnitude {5-6}.{1-9}] earthquake.
- [Nobody was killed|No deaths were reported], but {10-240} people were [treated|in hospital] for [cuts and
    broken bones|minor injuries].
- The [epicentre|centre of the quake] was {9-70} kilometres from [the centre of|the city of] {place.city2},
    at a depth of {5-40} kilometres.
- [Power|Telephone service] was [restored|cut] in [most|much] of the province by [nightfall|midnight], said
    {person}, who [leads|runs] the [relief effort|civil defence office].
- The city's [cathedral|railway station|old library], [finished|rebuilt] in {year}, [lost part of its
    roof|was closed for inspection|was not damaged].
> "[The lamps were swinging and the dog would not stop barking|It sounded like a train under the house|I
    counted to twenty and it was still shaking]," said {person2}, a [hotel clerk|student|pharmacist].
> Engineers [will|are to] [inspect|check] {300-9,000} buildings [before families may return|this week],
    {person.last} said.
> The region was last [hit|damaged] by a [large|major] earthquake in {year}, when {few} [bridges|villages]
    were destroyed.
~ {person.last} said that rescue workers
~ Engineers warned that the
# World: protests
^ [Thousands March|Protests Spread] in {place.city}
^ [Teachers|Nurses|Farmers|Students] Strike Over Pay in {place.country}
+ [Thousands of|About {10-90},000] [teachers|farmers|students|nurses|pensioners] [marched|demonstrated] in
    {place.city} on {day} against [a rise in fuel prices|cuts in pensions|plans to close rural schools|a new
    land tax].
+ [A strike|A walkout] by [train drivers|dock workers|doctors|airport staff] [brought {place.city} to a
    halt|entered its {ordinal} day in {place.country}] on {day}, with no sign of [a settlement|new talks].
+ [Police|Riot police] in {place.city} [used water cannon|closed {few} bridges] on {day} as a
    [peaceful|tense] protest over [bread prices|water bills|press laws] [turned into a scuffle|grew larger].
+ Unions in {place.country} [called off|suspended] a [general strike|week of strikes] after the government
    [withdrew|promised to rewrite] a [disputed|widely disliked] [labour|pension] law.
- The [protest|march] was [organised|called] by {person}, a [{30-66}-year-old|former] [teacher|union
    leader|priest], who [demanded|asked for] a {6-25} percent pay rise.
- [Police said|Officials said] {12-190} people were [detained|arrested], [most of whom were released|and all
    but {few} were freed] by the evening.
- [The finance ministry|The government] says it [cannot|is unable to] pay more than {3-9} percent because
    [tax revenue has fallen|the budget is already in deficit].
- [Buses in the centre of {place.city} did not run|Shops in the centre of {place.city} stayed shut] for a
    {ordinal} day, and [drivers|visitors] were told to [avoid the area|leave their cars at home].
> "[We are not asking for luxury|They raise the prices and freeze our wages|We will be back tomorrow],"
    [said {person.last}|{person.last} told the crowd].
> Prime Minister {person2} [said|insisted] [the law would not be changed|{person2.he} was ready to meet the
    unions] [next week|before the end of {month}].
> [The next march|Another demonstration] is [planned|expected] on {day2} in {place.city2}.
~ {person.last} told the crowd that the government
~ The interior minister said the police
# World: migration
^ {place.country} [Takes In|Rescues] [Refugees|Migrants]
^ [Camp|Shelter] Near {place.city} [to Close|Runs Short of Water]
+ {place.adj} coast guards [rescued|picked up] {18-240} people from a [drifting|leaking|crowded] boat
    [south|west] of the island of {island} [early|late] on {day}.
+ {place.country} [will|has agreed to] [take in|accept] {400-9,000} refugees from camps in {region}
    [over|during] the next {few} years.
+ A [camp|shelter] for [displaced families|refugees] [near|outside] {place.city} is [running out of|short
    of] [clean water|beds|medicine], [aid groups|relief workers] [said|warned] on {day}.
+ {place.country}'s parliament [passed|rejected] a [law|bill] on {day} that would [make it easier|make it
    harder] for [asylum seekers|foreign students] to [work|stay in the country].
- [Most|Many] of them had [walked|travelled] for {few} weeks and [carried|brought] [little more than|nothing
    but] [blankets and papers|what they were wearing].
- The [number of arrivals|number of applications] [rose|fell] by {8-70} percent [last year|since {month}],
    [according to|said] [the interior ministry|the border agency].
- {person}, who [coordinates|leads] [the relief work|a local charity], said {30-70} percent of the [new
    arrivals|residents] were [children|under eighteen].
- [A doctor|A spokesman] said {few} [people|passengers] were [in hospital|treated for thirst], but none was
    in [danger|serious condition].
> "[We do not want to go back, but we do not want to stay in a tent either|They asked for a doctor before
    they asked for food]," said {person2}.
> [The council of {place.city}|Church groups] [offered|promised] to [open|lend] {few2} [empty schools|sports
    halls] [for the winter|until {month}].
> {place2.country} and {place3.country} have [not yet|already] [said how many people they will
    accept|offered to share the cost].
~ {person.last} said that many of the families
~ The interior minister said the new law
# World: cabinet
^ {place.adj} [Finance|Defence|Health|Transport] Minister Resigns
^ {place.country} [Names|Gets] New Prime Minister
^ Coalition [Collapses|Survives Vote] in {place.country}
+ {place.country}'s [finance|defence|health|transport|education] minister, {person}, resigned on {day}
    [after|following] [a row over the budget|weeks of criticism|a dispute about a bridge contract].
+ The [coalition|minority] government of {place.country} [survived|lost] a confidence vote by {2-14} votes
    [on {day}|late on {day}] [after|following] a {5-19}-hour debate.
+ {person} was [sworn in|named] as prime minister of {place.country} on {day}, [the {ordinal} person to hold
    the post in {few} years|ending {few} weeks of negotiations].
+ {party} [quit|threatened to leave] {place.country}'s ruling coalition over [a tax on petrol|the reform of
    the courts|the cost of a new airport].
- {person.last}, a former [professor|banker|general|journalist] from {place.city}, had held the
    [office|post] [for only {few} months|since {month}].
- The [acting|new] minister, {person2}, [promised|said {person2.he} would seek] [a balanced budget|quick
    talks with the opposition] [by {month}|within weeks].
- The [two|{few}] largest parties [control|hold] {52-130} of the {140-300} seats and [need|cannot govern
    without] the support of {party2}.
- [An inquiry|A parliamentary committee] found [no evidence|little evidence] of [wrongdoing|fraud], but
    [called the department badly run|asked for stricter rules].
> "[I leave with a clear conscience|Politics is not a place for the tired|It was the right decision and it
    was mine]," {person.last} [told reporters|said].
> [The president|King's counsellors|The speaker] [will|is expected to] [meet party leaders|name a successor]
    on {day2}.
> [Opposition leaders|Critics] called for [a new election|a full inquiry], which the government has [ruled
    out|not ruled out].
~ In a short statement, {person.last} said
~ The opposition said the new cabinet
> [Newspapers|Radio stations|Commentators] in {place.capital} [called it|described the news as] [a turning
    point|a setback for the government|an overdue step|a modest success].
# World: court
^ [Court|Judges] in {place.country} [Strikes Down|Upholds|Delays] [Media|Land|Election|Water] Law
^ Former Governor [Cleared|Jailed] in {place.country}
+ {place.country}'s [highest|constitutional] court [ruled|decided] on {day} that [a law on|limits on] [land
    ownership|newspaper licences|party donations|street protests] [broke|did not break] the constitution.
+ A court in {place.city} [jailed [a former governor|a former customs chief], {person}, for {2-12}
    years|cleared [a former governor|a former customs chief], {person}, of all charges] in a case about
    [missing grain|road contracts|forged permits].
+ [Judges|A panel of judges] in {place.country} [postponed|opened] the [trial|hearing] of {few}
    [officials|engineers] [accused of|charged with] [taking bribes|selling state land].
- The [judgment|decision], [reached|passed] by {5-7} votes to {2-4}, [takes effect|must be applied] from
    {month} {1-28}.
- [Prosecutors|Lawyers for the state] had [asked for|demanded] [a longer term|a fine of {2-90} million
    {place.money}], [calling the case|describing the case as] [a warning to others|the largest of its kind].
- [Defence lawyer|Counsel] {person2} said [there was no proof|the evidence was weak] and that an appeal
    would [follow|be filed] [within {few} days|by {day2}].
- {place.country} [abolished|changed] its [old|colonial-era] code in {year}, but [many courts|some judges]
    have [not followed|been slow to follow].
> "[The law is clear, even when it is inconvenient|This court does not take orders]," [the presiding
    judge|Judge {person3}] [said|wrote].
> [Hundreds of people|A small crowd] [waited|cheered] outside the [court house|building], and [no arrests
    were made|the street was closed to traffic].
> The [justice ministry|government] said it would [respect|study] the [ruling|decision] and [gave no
    date|would not appeal].
~ The judge said that the evidence
~ {person2.last} told the court that {person2.his} client
> [Newspapers|Radio stations|Commentators] in {place.capital} [called it|described the news as] [a turning
    point|a setback for the government|an overdue step|a modest success].
# World: aid
^ [Drought|Crop Failure] Leaves {few} Million in Need of Food
^ {place.country} Sends [Food|Medicine] to {region}
+ {place.country} [pledged|promised] {5-80} million {place.money} [in aid|in emergency help] on {day} for
    people [facing|threatened by] [drought|hunger|a poor harvest] in {region}.
+ [The first|A second] ship [carrying|loaded with] {800-9,500} tonnes of {crop} [left|sailed from]
    {place.city} on {day} [bound|heading] for {region}.
+ [Relief agencies|Aid groups] [warned|said] on {day} that {2-9} million people [could|would] go hungry
    [this {season}|by {month}] unless [the rains come|more money is found].
- Only {18-58} percent of the [money|grain] [asked for|requested] in {month} has [arrived|been delivered],
    [according to|said] {person}, who [heads|runs] the appeal.
- [Locusts|Dry winds|Late frosts] have [destroyed|damaged] [a third|nearly half] of the {crop2} crop, and
    prices [in the markets|at the port] have [doubled|risen by {20-95} percent].
- [Trucks|Convoys] need {few} days to [reach|get to] the [highland|northern] villages because the
    [bridges|roads] over the {river} [were washed away|are closed at night].
- {place2.country} and {place3.country} [will send|are sending] [doctors|seed and tools|{few2} water pumps]
    [as well|next month].
> "[We do not need speeches, we need rain and seed|A sack of flour lasts us nine days]," [said
    {person3}|{person3} told a visitor], a [mother|father] of {few2}.
> {person.last} said the [worst|most difficult] months [would be|were likely to be] {month2} and {month}.
> The [programme|appeal] will [end|be reviewed] in {month}, but [no decision has been taken|nothing has been
    decided] about [a second year|the schools].
~ {person.last} warned that without rain the
~ Farmers in the north said that the
# World: summit
^ Leaders [Meet|Gather] in {place.city} for [Climate|Trade|Security|Water] Summit
^ [Treaty|Pact] on [Fisheries|Clean Air|Nuclear Fuel] Signed in {place.city}
+ [Leaders|Ministers] from {11-60} countries [gathered|met] in {place.city} on {day} to [discuss|agree]
    [limits on carbon emissions|a treaty on plastic waste|shared rules for air traffic|the price of
    medicines].
+ {place2.country} and {place3.country} [signed|refused to sign] a [treaty|pact] on [fishing quotas|nuclear
    fuel|clean rivers|student exchanges] at a [summit|conference] in {place.city} on {day}.
+ A {few}-day summit in {place.city} ended [without a joint statement|with a promise to meet again] after
    [delegates|ministers] [failed to agree on|argued about] [who should pay|the wording of a single
    paragraph].
- {place.country}'s president, {person}, [opened|chaired] the [meeting|session] and [urged|asked] richer
    [nations|countries] to [pay|do] more.
- The [draft|text], which [runs to|has] {12-140} pages, [calls for|sets] cuts of {10-55} percent by
    20{30-50}.
- {place2.country}'s delegate, {rival}, [said|complained] that the [targets|rules] were [too weak|unfair to
    smaller states|impossible to check].
- [Security was tight|Streets around the conference hall were closed], with {1,500-9,000} police on duty and
    [no flights|few boats] allowed [over the centre|on the river].
> "[A promise without a date is only a wish|We came with different speeches and leave with the same one|It
    is not perfect, but it is signed]," {person.last} said.
> [Environmental groups|Campaigners] [welcomed|criticised] the [result|outcome], saying it [did not go far
    enough|was better than nothing].
> The next [summit|meeting] will be held in {place4.city} in {month}.
~ In {person.his} opening speech, {person.last} said that the
~ {rival.last} said that smaller countries
> [Newspapers|Radio stations|Commentators] in {place.capital} [called it|described the news as] [a turning
    point|a setback for the government|an overdue step|a modest success].
# World: accident
^ Ferry [Runs Aground|Loses Power] Off {island}
^ [Train|Bus] Crash [Injures {12-60}|Blocks Main Line] in {place.country}
+ A [passenger|car] ferry with {60-480} people on board [ran aground|lost power] [off|near] the island of
    {island} in [thick fog|rough seas] on {day}, but [everyone was|all were] [brought ashore|rescued]
    safely.
+ [Two trains|A train and a truck] [collided|crashed] [outside|west of] {place.city} on {day},
    [injuring|slightly hurting] {9-90} people, [rail officials|police] said.
+ {few} [miners|workers|climbers] [trapped|lost] for {14-90} hours [in a flooded tunnel|on {mountain}] in
    {place.country} were [found alive|brought out alive] on {day}.
+ [A fire|An explosion] at a [warehouse|paper mill|fireworks store] in {place.city} [sent up a column of
    smoke|broke windows {2-9} streets away] on {day}; [nobody was hurt|{few} people were hurt].
- [The cause|What went wrong] is [not yet known|under investigation], but [a broken signal|an engine
    fault|human error] has [not been|been] [ruled out|mentioned].
- {person}, [the captain|a passenger|who led the rescue], [praised|thanked] the [fishermen|villagers] who
    had [brought ropes and blankets|been the first to arrive].
- [The transport ministry|The operator] said the [vessel|line|equipment] had been [inspected|checked] in
    {month} and [no faults were found|passed every test].
- [It was|This was] the {ordinal} such accident in {place.country} [this year|since {year}].
> "[There was a bang and then it was very quiet|We sang to keep awake|I am not a hero, I was only nearby],"
    {person.last} said.
> [Services|Traffic] [will resume|should return to normal] [by {day2}|within {few2} days].
> [Relatives|Families] [waited|had waited] [at the harbour|in a school gym] [through the night|for news].
~ {person.last} said the crew
~ Investigators said that the
# World: culture
^ {place.city} [Reopens|Restores] [Opera House|Old Bridge|Museum|Royal Palace]
^ {place.country} [Adds|Drops] [Language|History] Lessons in Schools
+ The [opera house|national museum|old bridge|royal library] in {place.city} [reopened|opened again] on
    {day} [after|following] a {few}-year restoration that cost {4-95} million {place.money}.
+ {place.country} will [require|allow] [primary|secondary] schools to [teach|offer] {language}
    [from|starting in] {month}, [the education minister|Education Minister {person}] said.
+ [Thousands of pilgrims|Crowds of visitors] [climbed|walked to] {mountain} in {place.country} on {day} for
    [a festival|a ceremony] [last held in {year}|held every {few} years].
+ [{place.adj} archives|Archives in {place.city}] [will open|opened] {20-900} boxes of [letters|secret
    papers] from {year} to [historians|the public] on {day}.
- The [project|plan] was [delayed|held up] [twice|for {few} months] by [a lack of money|arguments over the
    roof|a dispute with builders].
- [Director|Curator|Historian] {person} said [visitors|readers] would [find|see] [paintings|maps|letters]
    that had [never been shown|not been seen since {year}].
- About {12-95} percent of [parents|residents] [support|oppose] the [change|plan], a [survey|poll] by a
    newspaper in {place.city} [found|suggested].
- [Entry|Admission] is free [on {day2}s|for children], and {200-900} people [were waiting|had lined up]
    [before the doors opened|by nine o'clock].
> "[A city without memory is only a map|It belongs to everybody, so everybody should be able to see it|My
    grandmother danced here]," {person.last} said.
> [Not everyone is pleased|There was some criticism]: a [group|union] of [artists|teachers] said the
    [money|time] should have gone to [village schools|smaller theatres].
> [A similar plan|The same idea] was [dropped|tried] in {place2.country} in {year}.
~ {person.last} said that the building
~ Visitors from {place2.country} said the
> [Newspapers|Radio stations|Commentators] in {place.capital} [called it|described the news as] [a turning
    point|a setback for the government|an overdue step|a modest success].
# Sports: any
# Sports: football league
^ {team} [Edge|Beat|Thrash|Hold] {team2}
^ {team} [Go Top|Climb to {ordinal}] After Win
+ {team} beat {team2} {football} on {day} to [move|climb] to the top of the [league|table|northern
    division].
+ {person} scored [with a header|a late winner|from a free kick] as {team} [beat|defeated|came from behind
    to beat] {team2} {football} [in front of|before] a crowd of {9,000-68,000}.
+ {team} and {team2} [drew {1-3}-all|played out a goalless draw] on {day}, [a result|a scoreline] that
    [helped|pleased] neither [side|club].
+ {team2} [slumped|fell] to a {ordinal} [straight|successive] defeat, losing {football} at {team}, and are
    now [bottom of the table|only {few} points above the last place].
- {person.last}, who [joined|signed] from {team3} in {month}, [headed|drove|curled] the [ball|shot]
    [in|home] [in the {11-89}th minute|just before half-time].
- {team2} [played|had to play] the last {15-40} minutes with ten men after {rival} was [sent off|shown a
    second yellow card].
- [The goalkeeper|Goalkeeper {person2}] [saved a penalty|made {few} fine saves] and was [named|voted] man of
    the match.
- {team.nick} have [not lost|won every match] at home since {month} and lead {team3} by {1-9} points.
> "[We were poor in the first half and I told them so|It was a fair result|One point is better than none],"
    [coach|manager] {person3} said.
> {team} [visit|play] {team4} [next {day2}|in their next match], [without|with] {person.last}, who is
    [suspended|fit again].
> [The referee|Referee {person4}] was [booed|jeered] [at the final whistle|off the field] for
    [ignoring|turning down] {few} appeals for a penalty.
~ {person.last} said the goal
~ {team2.nick} coach {rival2} said {rival2.his} players
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: football cup
^ {team} Win {event} [on Penalties|in Extra Time]
^ {place.country} [Into|Reach] [Final|Semi-Finals]
+ {team} won {event} on {day}, beating {team2} {3-5}-{1-2} on penalties [after|when] {120-120} minutes
    without a goal.
+ {place.country} [beat|knocked out] {place2.country} {football} [in {place3.city}|on {day}] to reach the
    [semi-finals|final|last eight] of {event}.
+ [Holders|Favourites] {place2.country} [crashed out of|were eliminated from] {event} on {day},
    [losing|going down] {football} to [outsiders|neighbours] {place.country}.
+ [Substitute|Teenager|Captain] {person} [scored|struck] in the {91-119}th minute to [send|put]
    {place.country} into the [final|quarter-finals] of {event}.
- {person}, [only {17-20}|playing in {person.his} first final], [converted|scored] the [deciding|last]
    [penalty|kick] after {rival} had [hit the post|shot wide].
- It was the [side's|team's] [first|{ordinal}] [trophy|title] since {year}, and [thousands|many]
    [danced|celebrated] in the streets of {place.city}.
- {place2.country} had [most of the ball|{14-29} shots], but [could not|were unable to] [beat|get past]
    [goalkeeper|captain] {person2}.
- [Heavy rain|A power failure|A pitch invasion] [delayed|held up] the [start|second half] by {20-70}
    minutes.
> "[We practised penalties all week and still I could not look|I dreamed of this as a child|They were
    better, but we scored]," {person2} said.
> {place.country} will [meet|play] {place4.country} [next|in the next round] on {day2} in {place3.city}.
> [Defender|Striker|Midfielder] {rival.last}, [in tears|visibly upset], [refused to speak|apologised] [to
    reporters|to the fans].
~ {person.last} said the final
~ {rival.last} told a television reporter that the team
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: tennis
^ {person.last} [Upsets|Beats|Outlasts] {rival.last} in {place3.city}
^ [Top|Second] Seed Out of {event}
+ [Unseeded|Qualifier|Left-hander] {person} of {place.country} [beat|upset|stunned] [top|second] seed
    {rival} {tennis} to reach the [final|last four|third round] of {event} on {day}.
+ {person} [won|captured] {person.his} [first|{ordinal}] title of the season on {day}, [beating|defeating]
    {rival} of {place2.country} {tennis} in {place3.city}.
+ {rival}, the [former champion|{ordinal} seed], [withdrew from|pulled out of] {event} on {day} with [a sore
    shoulder|a back injury|a twisted ankle].
+ [Rain|Bad light] stopped play at {event} on {day} with {person} [leading|two points from beating] {rival}
    {opening}.
- The {18-36}-year-old [served|hit] {7-24} aces and [saved|did not face] {2-9} break points in a match
    [lasting|of] {1-4} hours and {3-57} minutes.
- {rival.last}, [ranked|now ranked] {2-60} in the world, [made|committed] {20-58} unforced errors and
    [twice|never] [lost|held] serve [in the last set|when it mattered].
- {person.last} had [never|only once] [beaten|taken a set off] {rival.last} in {few} previous meetings,
    [all|most] of them on [clay|grass|hard courts].
- [The tournament|The event] offers {300-950},000 dollars in prize money and [is played|has been played] [on
    clay|on grass|indoors].
> "[I told myself to breathe and swing|I played the big points well|He made me run, and I ran],"
    {person.last} said.
> {person.last} [next plays|will face] {stranger} in the [final|semi-final], [a repeat of|after] [last
    year's match|their meeting in {month}].
> {rival.last} [blamed nobody but|refused to blame] [the wind|the umpire|the new rackets].
~ {person.last} said the match
~ {rival.last}, who left without shaking hands, said the court
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: basketball
^ {team} [Hold Off|Rally Past|Rout] {team2}
^ {person.last} Scores {31-48} as {team.nick} Win
+ {person} scored {24-48} points and {team} [beat|held off|rallied past] {team2} {basket} on {day} night.
+ {team} [extended|stretched] their winning [streak|run] to {4-12} games with a {basket} [victory|win] over
    {team2} [on {day}|in {team.city}].
+ [Guard|Center|Forward] {person} [made|sank] a three-pointer [at the buzzer|with {1-9} seconds left] to
    give {team} a {basket} win [over|against] {team2}.
+ {team2} [lost|will be without] [star|leading scorer] {rival} for {few} weeks [because of|with] a [broken
    hand|knee injury] suffered against {team} on {day}.
- {person.last} added {8-17} rebounds and {5-13} assists, and [missed only {few} shots|made {9-15} of
    {17-24} shots].
- {team2.nick}, who led by {8-21} [at half-time|in the third quarter], [scored|managed] only {9-16} points
    in the [final|fourth] quarter.
- {rival} [led|paced] {team2.nick} with {18-33} points [before fouling out|despite a sore knee].
- {team.nick} [improved|moved] to {20-48}-{10-29} and are [first|second|third] in the [eastern|western]
    conference.
> "[Defence wins on the road, and we finally played some|We got stops when we needed them|I was open, so I
    shot it]," [said {person.last}|{person.last} said].
> [Coach|Head coach] {person4} was [ejected|given a technical foul] [early|late] in the [second|third]
    quarter for [arguing|shouting at an official].
> The [teams|two sides] [meet|play] again on {day2} in {team2.city}.
~ {person.last} said after the game that the
~ {team2.nick} coach {rival2} said {rival2.his} bench
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: baseball
^ {team} [Sweep|Blank|Outslug] {team2}
^ {person.last} [Homers Twice|Strikes Out {10-15}] in Win
+ {person} [homered twice|hit a two-run homer|drove in {few} runs] as {team} [beat|outslugged|held off]
    {team2} {baseball} on {day}.
+ [Right-hander|Left-hander|Rookie] {person} [struck out {8-15}|allowed {few} hits] in {6-8} innings and
    {team} [blanked|defeated] {team2} {6-9}-0.
+ {team} [traded|sent] [outfielder|pitcher|shortstop] {person} to {team2} on {day} for {few} [minor-league
    players|prospects] and cash.
+ {team} [won|lost] their {ordinal} [straight|game in a row] on {day}, {baseball}, [when|after] {person}
    [singled|doubled] in the {7-12}th inning [against|off] {team2}.
- {person.last} ([{8-17}-{2-11}]) has [won|lost] {few} of {person.his} last {9-12} starts and [has|carries]
    an earned run average of {2-4}.{10-90}.
- [Closer|Reliever] {person2} [worked|pitched] the ninth for {person2.his} {18-44}th save.
- {team2.nick} [left|stranded] {8-14} runners on base and [were|went] hitless with men in scoring position
    [after the {ordinal}|all night].
- [Shortstop|Catcher] {rival} [left|was carried off] in the {ordinal} inning with a [strained
    hamstring|bruised wrist].
> "[He threw me a fastball and I did not miss it|My arm felt fine, so I kept going|It is a long season],"
    {person.last} said.
> {team.nick} [begin|open] a {few}-game series [in|at] {team3.city} on {day2}.
> [Manager|Skipper] {person4} said {person.last} would [not pitch again this week|bat third from now on].
~ {person.last} said the pitch
~ Manager {person4} said the bullpen
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: marathon
^ {person.last} Wins {place3.city} Marathon
^ {place.adj} Runner [Sets Course Record|Wins by a Stride] in {place3.city}
+ {person} of {place.country} won the {place3.city} marathon on {day} in 2 hours {6-29} minutes and {2-58}
    seconds, [pulling away|breaking clear] [in the last mile|after 35 kilometres].
+ [Heat|Wind|Heavy rain] [slowed|troubled] the leaders at the {place3.city} marathon on {day}, but {person}
    still [won|finished] {10-90} seconds [ahead|clear] of {rival} of {place2.country}.
+ {place.country}'s {person} [broke|missed] the [course|national] record by {3-50} seconds [in|at] the
    {place3.city} half marathon on {day}.
- {rival} [finished|was] second for the {ordinal} [time|year running], {4-55} seconds [behind|back], and
    [collapsed|sat down] [beyond|after] the line.
- {person.last}, a [postman|nurse|student|soldier] who trains [at altitude|before dawn|without a coach],
    [earned|received] {20-150},000 dollars [for the victory|in prize money].
- [More than|Some] {9,000-42,000} runners [started|took part], and [the oldest|one of them], {person2}, was
    {78-91}.
- The [pacemakers|leaders] [passed|reached] the halfway mark in {61-72} minutes, [well outside|just inside]
    the record [pace|schedule].
> "[At thirty kilometres I thought about stopping, and then I forgot to|The crowd carried me up the last
    hill|I did not look back once]," {person.last} said.
> {person.last} [plans|intends] to [run|race] again in {place4.city} [in {month}|next {season}], [unless|if]
    {person.his} knee [holds up|hurts].
> [In the women's race|In the wheelchair race] {person3} [won|took the title] [for the {ordinal} time|in a
    sprint finish].
~ {person.last} said the last few kilometres
~ {rival.last} said {rival.his} training
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: athletics
^ {person.last} [Runs|Jumps] Personal Best in {place3.city}
^ [Sprinter|Hurdler|High Jumper|Pole Vaulter] {person.last} [Out Injured|Returns|Takes Gold]
+ {place.adj} [sprinter|hurdler] {person} ran the {100-100} metres in {9-10}.{81-99} seconds on {day}, [the
    fastest time of the season|a national record], at {event} in {place3.city}.
+ [High jumper|Pole vaulter|Long jumper] {person} of {place.country} [won|took] gold at {event} on {day}
    with [a personal best|{person.his} final attempt].
+ {person}, the [{place.adj} 800-metre champion|{place.adj} hammer thrower], [will miss|has withdrawn from]
    {event} [with a torn muscle|because of an injured foot].
+ {place.country} [won|took] the {100-100} metres relay [title|gold medal] on {day}, {0-0}.{11-88} seconds
    ahead of {place2.country}.
- {rival} of {place2.country} was [second|third], [one hundredth|{few} hundredths] of a second
    [behind|slower].
- {person.last}, {18-34}, [only took up the sport|began training] [{few} years ago|after a career in
    gymnastics].
- [The bar was raised|The standard was high]: {few} athletes [beat|were inside] the [old|championship]
    record [set in {year}|from {year}].
- A [drug test|routine test] taken in {month} was negative, [the federation|team doctors] said,
    [ending|after] weeks of rumours.
> "[I knew from the start that it was fast|My legs did the thinking|I am not here to be second],"
    {person.last} said.
> The [world|continental] championships [begin|open] in {place4.city} on {month} {1-28}.
> [Coach|Trainer] {person2} said {person.last} [had not yet reached|was close to] {person.his} limit.
~ {person.last} said the start
~ Team doctors said the injury
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: cycling
^ {person.last} [Takes Yellow|Wins Mountain Stage] in {place3.country}
^ [Crash|Snow|Wind] [Shakes Up|Shortens] Tour of {place3.country}
+ {person} of {place.country} won the {ordinal} stage of the Tour of {place3.country} on {day}, [attacking
    alone|breaking away] {6-40} kilometres from [the finish|the line] in {place3.city}.
+ {rival} [kept|lost] the leader's jersey [on {day}|after {day}'s stage] when [a crash|a side wind|a
    puncture] [split|broke up] the field [on the road to|outside] {place3.city}.
+ [Sprinter|Veteran|Climber] {person} [outsprinted|edged] {rival} by [half a wheel|a few centimetres] [in
    {place3.city}|on {day}] to win [the opening stage|a rainy stage] of the Tour of {place3.country}.
- {rival} now [leads|trails] by {1-4} minutes and {3-57} seconds with {few} stages [left|to ride].
- The [{120-230}-kilometre|day's] stage [crossed|climbed] {mountain}, where the temperature [fell to {1-5}
    degrees|was close to freezing] and {few} riders [gave up|stopped].
- [A dog|A parked car|A wet corner] [brought down|caused the fall of] {few} riders, [among them|including]
    {person2}, who [broke a collarbone|finished with one shoe].
- {person.last}, a former [skier|rower|mail carrier], [turned professional|joined the team] only in
    {lately}.
> "[I went too early, and then it was too late to stop|The mountain decides, not the rider|My legs were
    empty at the top]," {person.last} said.
> {day2}'s [stage|time trial], over {14-52} kilometres, [should suit|does not suit] {rival.last}.
> [Organisers|The race doctor] said [nobody was seriously hurt|the route would not be changed].
~ {person.last} said the descent
~ {rival.last} admitted that {rival.his} team
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: swimming
^ {person.last} [Breaks|Misses] Record in Pool
^ {place.country} [Take|Win] Relay Gold
+ {place.adj} swimmer {person} [won|took] the [200-metre|400-metre|1,500-metre]
    [freestyle|butterfly|backstroke|medley] at {event} on {day}, [touching|finishing] {0-1}.{12-88} seconds
    ahead of {rival}.
+ {person}, {16-29}, [broke|equalled] the [national|championship] record in the 100 metres
    [breaststroke|butterfly] in {place3.city} on {day}.
+ [Divers|Swimmers] from {place.country} won {few} of the {9-14} gold medals [on offer|decided] at {event}
    on [{day}|the final day].
- {rival} of {place2.country}, [the favourite|the defending champion], [led at the turn|started too fast]
    but [faded|tired] over the last [lap|{25-50} metres].
- {person.last} [cut|took] {1-2} seconds off {person.his} own [best|time], [set|swum] in {month}.
- [The team|{person.last}] trains {few} hours a day in [a pool|a river] [near|outside] {place.city}, often
    [before school|in the dark].
- A [faulty|broken] [starting block|clock] [forced|led] [officials|judges] to [repeat|delay] one of the
    heats.
> "[I did not see her until the wall|I counted my strokes and forgot the clock|Tomorrow I will sleep until
    noon]," {person.last} said.
> [Next|Later this year] {person.last} will [swim|race] in {place4.city}, where [the water is colder|the
    field is stronger].
> [The head coach|The team's coach], {person2}, [said the plan had worked|called it a perfect swim].
~ {person.last} said the race
~ The team manager said the swimmers
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: transfer
^ {team} Sign {person.last}
^ {person.last} [Leaves|Stays With] {team}
+ {team} [signed|completed the signing of] [striker|goalkeeper|midfielder|defender] {person} from {team2} on
    {day} for {2-60} million [euros|dollars|pounds].
+ [Goalkeeper|Forward|Captain] {person} [signed|agreed] a new {few}-year contract with {team} on {day},
    [ending|after] weeks of [speculation|talk] about a move to {team2}.
+ {team} [rejected|turned down] [a bid|an offer] of {4-45} million dollars from {team2} for
    [{person}|forward {person}] on {day}.
+ {person} [will leave|is leaving] {team} at the end of the season [after {few} years|on a free transfer],
    the club [said|announced] on {day}.
- The {place.adj} international, {18-34}, [scored {7-29} goals|made {7-29} appearances] last season and
    [passed|still has to pass] a medical [test|examination].
- {team2} will [receive|keep] {10-25} percent of any [later|future] [sale|fee], [club officials|people close
    to the deal] said.
- {person.last}'s agent, {person2}, [denied|confirmed] that [there had been|{person.he} had held] talks with
    {team3}.
- [The club|{team.nick}], who [owe the banks {10-70} million|lost {10-70} million last year], [have|had]
    [promised|agreed] not to [spend|borrow] more this {season}.
> "[This club feels like home|I came here to win, not to sit|Money was not the reason]," {person.last} said.
> [Supporters|Some fans] [protested|gathered] outside the [stadium|training ground], [holding|waving]
    scarves and [old shirts|banners].
> {person.last} [could|will not] play [against {team4}|on {day2}].
~ {person.last} told the club's website that the move
~ The club chairman said the player
# Sports: coach
^ {team} [Fire|Dismiss|Hire] Coach {person.last}
^ {person.last} [Named|Quits] as Coach of {place.country}
+ {team} [dismissed|fired] coach {person} on {day} [after|following] [a run of {4-9} defeats|the worst start
    to a season since {year}].
+ {person} was [named|appointed] coach of {place.country}'s [national|women's national|under-21]
    [football|handball|volleyball|rugby] team on {day}, [replacing|succeeding] {person2}.
+ {person} [resigned|stepped down] as coach of {team} on {day}, [citing|blaming] [family reasons|poor
    health|a lack of support from the board].
- {person.last}, {41-67}, [won|has won] {few} [titles|trophies] in {3-14} years [in the job|with the club],
    but [none since|only one since] {year}.
- [Assistant coach|Former captain] {person3} will [take charge|lead training] [until {month}|for the next
    {few2} matches].
- [The players|Several players], [according to newspapers|team officials said], [were told by
    telephone|learned the news from the radio].
- {person.his} contract [runs|was to run] until [next {month}|20{28-33}] and is [worth|said to be worth]
    {1-6} million dollars a year.
> "[Coaches are hired to be fired|I leave my office tidy and my players tired|I was not given the time I was
    promised]," {person.last} said.
> The [club|federation] [hopes|expects] to [name|present] a [successor|full-time coach] [before|by] {day2}.
> [Club president|Chairman] {person4} [called the decision|described the decision as] [painful but
    necessary|the hardest of {person4.his} career].
~ {person.last} said the team
~ The club president said that the next coach
# Sports: ice hockey
^ {team} [Shut Out|Skate Past|Edge] {team2}
^ {person.last} [Nets Hat Trick|Makes {30-45} Saves]
+ {person} [scored twice|had a goal and two assists|scored in overtime] and {team} beat {team2} {hockey} on
    {day} night.
+ Goaltender {person} [made|stopped] {24-44} [saves|shots] as {team} [shut out|blanked] {team2} {2-5}-0 [in
    {team.city}|on {day}].
+ {place.country} [beat|defeated] {place2.country} {hockey} at the [ice hockey championship|ice hockey
    tournament] in {place3.city} on {day} [after trailing|despite trailing] by two goals.
- {team2} [had|were given] {few} power plays but [scored on none of them|could not score], [hitting|twice
    hitting] the [crossbar|post].
- {rival} was [ejected|sent to the dressing room] for [fighting|a high stick] [late in|early in] the
    [second|third] period.
- [Defenseman|Winger] {person2} [tied|had tied] the game with {2-50} seconds left [by deflecting|when he
    tipped in] a long shot.
- {team.nick} have [won|lost] {few} of their last {8-11} games against {team2.nick} since {month}.
> "[It bounced off my skate, and I will take it|Our goalie was the difference|We took too many stupid
    penalties]," {person.last} said.
> {team} [play|travel to] {team3} on {day2}, [when|and] {person2.last} [may return|will be rested].
> [A crowd|A sellout crowd] of {6,000-19,000} [threw hats|booed] [onto the ice|at the end of the second
    period].
~ {person.last} said the puck
~ The coach said his defence
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: cricket and rugby
^ {place.country} [Crush|Beat|Hold] {place2.country} in {place3.city}
^ {person.last} [Century|Tries] [Sinks|Rescue] {place2.country}
+ {person} [hit|made] {101-187} [not out|off {110-240} balls] as {place.country} beat {place2.country} by
    {2-9} wickets in the {ordinal} [one-day match|test] in {place3.city}.
+ [Fast bowler|Spinner] {person} took {5-8} for {21-77} to [bowl out|dismiss] {place2.country} for {88-240}
    on the [second|third|fourth] day of the test in {place3.city}.
+ {place.country} [beat|overpowered] {place2.country} {rugby} in a [rugby international|rugby match] in
    {place3.city} on {day}, [scoring|running in] {few} tries.
+ [Fly-half|Full-back] {person} kicked {12-27} points as {place.country} [held off|came back to beat]
    {place2.country} {rugby} on {day}.
- {place2.country} were {88-150} for {5-7} [at lunch|at tea] and [never recovered|lost their last wicket
    before the rain].
- {rival}, the [visiting captain|captain], [won the toss|chose to attack] but [was out for {0-9}|lost
    {person.his} temper and the match].
- [Wing|Lock|Hooker] {person2} [crossed|scored] {few} minutes [before the break|from the end] after a
    [long|clever] pass from {person.last}.
- [Rain|Bad light] [cost|took] {20-70} [overs|minutes], and [the groundsmen|officials] were [booed|thanked].
> "[We asked for a hard pitch and then we could not bat on it|The forwards won this one|You have to be
    patient here]," {person.last} said.
> The [next|final] match [starts|will be played] in {place3.city2} on {month} {1-28}.
> {rival.last} [could|may] lose [the captaincy|{person.his} place], [selectors|newspapers] in
    {place2.capital} [said|hinted].
~ {person.last} said the pitch
~ {rival.last} said {rival.his} side
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: golf
^ {person.last} [Leads|Wins] {event} by {few} Shots
^ {person.last} [Shoots {62-66}|Holds Nerve] at {event}
+ {person} of {place.country} shot a {5-9}-under-par {62-67} on {day} to [take|hold] a {few}-stroke lead
    [after two rounds|going into the final round] of {event}.
+ {person} [sank|holed] a [{10-40}-foot|long] putt on the [last|{16-18}th] green to win {event} by [one
    stroke|{few} strokes] from {rival} on {day}.
+ {rival} [missed the cut|was disqualified] at {event} on {day} after [signing a wrong scorecard|a {78-84}
    in the second round].
- The {22-48}-year-old [made|had] {few} birdies and [only one bogey|no bogeys] [in a gusting wind|on a damp
    course].
- {rival.last}, who [led|had led] by {few} [overnight|with nine holes left], [found|hit into] the water
    [twice|at the 15th].
- It was {person.his} [first|{ordinal}] [victory|win] in {40-190} tournaments and [was worth|earned
    {person.him}] {200-950},000 dollars.
- [Play|The round] was [stopped|suspended] for {few} hours [by lightning|because of fog], and {12-60}
    players [must finish|finished] on {day2}.
> "[I was shaking so much that I could hardly see the ball|Golf gives nothing back, but today it did|I did
    not look at the board]," {person.last} said.
> {person.last} [moves|climbed] to {2-40}th in the [rankings|money list].
> [Only|Just] {few} [players|golfers] have [won here twice|finished under par here] since {year}.
~ {person.last} said the greens
~ {rival.last} said that {rival.his} putting
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Sports: motor racing
^ {person.last} [Wins|Takes Pole] in {place3.country}
^ [Crash|Rain|Engine Failure] [Costs|Denies] {rival.last} Victory
+ {person} [won|led from start to finish in] the Grand Prix of {place3.country} on {day}, [beating|holding
    off] {rival} by {1-19}.{1-9} seconds.
+ {rival} [spun off|retired with engine trouble] {few} laps from the end, [handing|giving] {person} victory
    in the {place3.city} [500|rally|six-hour race] on {day}.
+ {person} will start from pole position in {place3.city} on {day} after [lapping|going round] the
    [wet|new|rebuilt] circuit in 1 minute {11-48}.{100-900} seconds.
- {person.last} now [leads|trails in] the championship by {3-40} points with {few} races [to go|remaining].
- [A tyre|A gearbox] [problem|change] cost {rival.last} {12-45} seconds in the pits, and {rival.he}
    [finished|came home] {ordinal}.
- The [safety car|yellow flag] was out for {4-14} laps [after|following] a [collision|crash] [at the first
    corner|in the tunnel]; [neither driver was hurt|both drivers walked away].
- {person.last}'s team, [founded|started] in {year} in a [garage|barn] near {place.city}, had [not won for
    {few} years|finished only {few2} races this season].
> "[The car was perfect and I tried not to spoil it|I could smell the oil and I thought it was over|Today we
    were lucky]," {person.last} said.
> [Stewards|Race officials] [fined|reprimanded] {person2} {5-50},000 dollars for [speeding in the
    pits|ignoring a flag].
> The [next|final] race is in {place4.city} on {month} {1-28}.
~ {person.last} said the car
~ The team principal said the engine
> [Fans|Supporters] [sang|stayed in their seats] [long after the end|for half an hour afterwards],
    [despite|in spite of] the [rain|cold|late hour].
> [The result|The performance] [surprised|delighted] [even the home crowd|most observers], and [nobody|no
    one] [was complaining|left early].
~ After the contest {person3} said that the
> "[I am tired, but it is a good kind of tired|We never stopped believing|You cannot win every week|It was
    not pretty, and I do not care]," [{person3} said|said {person3}].
> [It was|This was] the [best|strangest] [afternoon|evening] [here|in {place.city}] since {year}, said
    {person3}, [a steward|a ticket seller|a season-ticket holder].
> [Tickets|Seats] for the next [meeting|date], on {month} {1-28}, [went on sale|sold out] [within hours|the
    same evening].
> "[I told them to enjoy it|The plan was simple and so was the talk|We have been worse and won|Ask my knees
    tomorrow|The crowd was worth a head start]," said {person3}, [smiling|with a shrug|hoarse from
    shouting].
> [Television|Local radio] [put the audience at|counted] {2-19} million, [more than|fewer than] [for any
    event|at any time] since {year}.
> [Officials|The organisers] [made no excuses|would not talk about injuries], and [most|many]
    [visitors|guests] [left|went home] by [train|bus] before midnight.
> "[I have no complaints|Small mistakes, large price|That was for my father|Nobody gave us a chance, and
    that helped]," {person3} told [a radio station|reporters] [in {place.city}|afterwards].
# Business: any
> [Analysts|Economists|Traders] at {broker} [called the news|described the move as] [a surprise|overdue|a
    sign of things to come|hard to read|encouraging].
> "[The worst is probably over|Nobody knows where the bottom is|It is a cautious step, and a sensible
    one|The numbers do not lie]," said {person4}, {expert} at {broker}.
> [Competitors|Customers|Suppliers] in {place2.country} [were watching closely|said they had expected it|had
    little to say], and [one|a buyer] in {place2.city} [called it old news|wished for more detail].
> "[Ask me after the holidays|Margins are thin and tempers are short|Everybody is waiting for {month2}|Two
    good weeks do not make a year]," said {person4} of {broker}.
> [In {place2.country}|Across the border in {place2.country}|Earlier, in {place2.country}], [a similar
    step|the same thing] [cost|saved|was worth] [about|nearly] {5-90} million {place2.money}, [according
    to|said] {broker}.
> [No figures|Few details] were [given|available] for {place2.country}, where [results|numbers] [arrive|are
    due] in {month2}.
# Business: profits
^ {maker} Reports [Rise|Fall|Jump|Drop] in Profit
^ {retailer.stem} [Beats|Misses] Forecasts
+ {maker} [reported|posted] a {4-68} percent [[rise|jump] in {quarter}-quarter profit on {workday}, helped
    by [demand from|strong sales in] {place2.country} and [a weak currency|lower costs]|[fall|drop] in
    {quarter}-quarter profit on {workday}, hurt by [a strike in|slow sales in] {place2.country} and [higher
    fuel bills|a one-time charge]].
+ [Net income|Profit] at {place.city}-based {software} [rose|climbed|slipped] to {12-900} million
    {place.money} in the {quarter} quarter, [above|below] the {12-900} million [analysts had
    forecast|expected].
+ {bank} [said|announced] on {workday} that [quarterly|annual] earnings [doubled|fell by a third|rose {3-40}
    percent] as [bad loans|fees|trading income] [declined|grew].
+ {brewer} [swung to a profit|made a loss] in the {quarter} quarter [after|as] the price of {crop}
    [fell|rose] and [beer|bread|chocolate] sales [recovered|slowed].
- [Revenue|Sales] [rose|fell] {2-27} percent to {1-14}.{1-9} billion {place.money}, [slightly|well]
    [above|below] [forecasts|last year's figure].
- The [board|company] [raised|kept|cut] its dividend [by {2-20} percent|to {1-9}.{10-90} {place.money} a
    share] and [expects|forecast] [slower|steady|stronger] growth in {season}.
- [Chief executive|Finance director] {person} [blamed|credited] [higher fuel bills|new stores in
    {place2.country}|a stronger currency] for the [change|result].
- [Excluding|Without] [a gain from the sale of a warehouse|one-time items], the [company|group] earned
    {10-95} cents a share, [compared with|against] {10-95} cents a year [earlier|before].
> "[We are pleased but not satisfied|It was a hard quarter and we do not expect an easy one|Our customers
    are paying, and paying on time]," [said {person}|{person} said in a statement].
> The [group|company], [founded|set up] in {year}, [employs|has] {1,200-68,000} people in {few} countries.
> The [shares|stock] [rose|fell] {1-9}.{1-9} percent [in {place.city}|after the announcement].
~ {person.last} told analysts that the company
~ The company said in a statement that the results
> [The shares|The company's bonds] were [little changed|{1-6}.{1-9} percent lower|{1-6}.{1-9} percent
    higher] in [early|late|afternoon] trading.
~ Analysts said the company
# Business: profit warning
^ {carmaker} Warns on Profit
^ {drugmaker.stem} Shares [Plunge|Tumble] on [Warning|Weak Outlook]
+ Shares in {carmaker} [fell|tumbled|plunged] {8-34} percent on {workday} after [it|the company]
    [cut|lowered] its profit forecast for the {ordinal} time [this year|since {month}].
+ {drugmaker} [warned|said] on {workday} that [annual|full-year] profit would be [below|well short of]
    forecasts because of [a recall|delays at a plant in {place2.city}|weak sales of its {disease} drug].
+ {retailer} [issued|gave] a profit warning on {workday}, blaming [mild weather|a poor {season} season|a
    strike at its warehouse] for [falling|slow] sales of [coats|toys|furniture|shoes].
- The [company|group] now expects [to earn|a profit of] {20-480} million {place.money}, [down from|compared
    with] the {490-900} million it [promised|forecast] in {month}.
- [Sales|Orders] in {place2.country} [dropped|fell] by {6-38} percent, while [costs|wages and steel prices]
    [rose|went up] by {2-12} percent.
- [At least|No fewer than] {few} [brokers|banks] [cut|lowered] their ratings [to sell|on the stock] within
    [hours|a day].
- [Chief executive|Chairman] {person} [said {person.he} would not resign|gave up {person.his} bonus|promised
    to close {few} plants] and [apologised to|met] shareholders.
> "[We misjudged the market|We did not see it coming, and we should have|The problem is real but it is
    temporary]," {person.last} said.
> The [shares|stock] [have|has] [lost|given up] [half|a third] of [their|its] value since {month}.
> [Suppliers|Unions] [asked for|demanded] [a meeting with the board|guarantees] [on {day2}|before any plant
    is closed].
~ {person.last} said that demand for the
~ The company said it would not
> [The shares|The company's bonds] were [little changed|{1-6}.{1-9} percent lower|{1-6}.{1-9} percent
    higher] in [early|late|afternoon] trading.
~ Analysts said the company
# Business: merger
^ {bank.stem} to [Buy|Merge With] {bank2.stem}
^ {telecom} [Rejects|Accepts] {1-19}.{1-9} Billion Bid
+ {bank} agreed [on {workday}|at the weekend] to [buy|merge with] {bank2} in a deal [worth|valued at]
    {1-24}.{1-9} billion {place.money}, [creating|forming] {place.country}'s {ordinal}-largest lender.
+ {telecom} [rejected|turned down] a takeover offer of {1-19}.{1-9} billion dollars from {place2.adj} rival
    {telecom2} on {workday}, [calling it|saying it was] [too low|badly timed|not serious].
+ {brewer} [is in talks|said it had held talks] to [sell|buy] [its bottling plants|a snack food
    business|{brewer2}] [for about|for as much as] {200-950} million {place.money}.
+ [Regulators|Competition officials] in {place.country} [blocked|approved|delayed] the planned
    [merger|combination] of {insurer} and {insurer2} on {workday}.
- [Shareholders|Investors] of the smaller company will [receive|get] {1-4} [new shares|shares] and {2-40}
    {place.money} in cash for [every|each] share they [own|hold].
- The [two companies|partners] [expect|hope] to save {40-600} million a year by 20{28-33}, [mainly|partly]
    by closing {12-240} branches.
- [Chief executive|Chairman] {person} will [lead|run] the [combined|new] group, and {person2} will
    [leave|become chairman] [after a year|once the deal is closed].
- {few} [earlier|previous] attempts to [combine|join] the two [failed|broke down] [over price|over who would
    be in charge|since {year}].
> "[This is a merger of equals, and we mean it|Size is not the point, reach is|The price is right for both
    sides]," {person.last} said.
> The deal [needs|is subject to] approval [by|from] regulators in {place2.country} and [is expected
    to|should] [close|be completed] in {month}.
> [Unions|Staff representatives] [fear|said they feared] [the loss of|that the deal will cost] {400-9,000}
    jobs.
~ {person.last} said the merger
~ The two companies said they
> [The shares|The company's bonds] were [little changed|{1-6}.{1-9} percent lower|{1-6}.{1-9} percent
    higher] in [early|late|afternoon] trading.
~ Analysts said the company
# Business: oil
^ Oil [Rises|Falls|Slips|Jumps] [Below|Above|to] {40-98} Dollars
^ Oil Prices [Ease|Climb] on [Supply|Weather|Strike] News
+ Oil prices [rose|fell|jumped|slipped] {1-7} percent on {workday} [after|as] [a storm closed {few}
    platforms|{place.country} said it would raise output|stocks of heating fuel fell|a pipeline in {region}
    was repaired].
+ [Crude oil|Benchmark crude] for delivery in {month} [rose|fell|gained|lost] {30-290} cents to
    {42-97}.{10-99} dollars a barrel [in London|in New York] on {workday}.
+ {oil} [discovered|said it had found] [a large gas field|oil] in the [north|east|west] of {place.country},
    [its first discovery there|the {ordinal} find in the area] [since|in] {year}.
+ [Drivers|Motorists] in {place.country} are paying [more|less] for petrol [than at any time since
    {year}|for the {ordinal} week in a row], [figures showed|according to a survey published] on {workday}.
- [Inventories|Stocks] [fell|rose] by {1-9}.{1-9} million barrels [last week|in the week to {day2}],
    [more|less] than [traders|analysts] had [expected|forecast].
- [Producers|Exporters] [meet|will meet] in {place2.city} on {month} {1-28} to [decide|discuss] whether to
    [cut|raise] output by {200-900},000 barrels a day.
- [A cold winter|A strike by refinery workers|Heavy demand from airlines] could [push|send] prices
    [higher|above 100 dollars], [said|according to] {person}, {expert} at {broker}.
- [Natural gas|Heating oil] [fell|rose] [as well|too], by {1-6}.{1-9} percent, [while|and] gasoline was
    [unchanged|slightly lower].
> "[The market is nervous and it is right to be|There is no shortage of oil, there is a shortage of
    tankers|Every storm now has a price]," [said {person}|{person} said].
> Prices are [up|down] {9-45} percent [this year|since {month2}].
> {place.country}'s energy minister [said|insisted] there was [no reason|no need] to [change quotas|panic].
~ Traders said the price of crude
~ The energy minister said the market
# Business: central bank
^ {place.adj} Central Bank [Raises|Cuts|Holds] Rates
^ Inflation in {place.country} [Slows|Quickens] to {1-9}.{1-9} Percent
+ {place.country}'s central bank [raised|cut] its [main|key] interest rate by [a quarter|half] of a
    percentage point to {1-8}.[25|5|75] percent on {workday}, [surprising|as expected by] [most
    economists|the markets].
+ [Consumer prices|Inflation] in {place.country} [rose|ran at|slowed to] {1-9}.{1-9} percent in {month},
    [the highest|the lowest] [rate|figure] since {year}, [official figures|the statistics office] showed.
+ The central bank of {place.country} [left|kept] interest rates [unchanged|on hold] at {1-8}.{1-9} percent
    [for the {ordinal} month|on {workday}], saying [growth|demand] was [too weak|strong enough].
- [Governor|Bank governor] {person} said [the bank would act|there was no hurry to act] [if|unless]
    [wages|food prices|house prices] [continued to rise|fell further].
- [Food|Energy] was {4-19} percent [dearer|cheaper] than a year [earlier|ago], [but|while] [rents|clothing
    prices] [hardly moved|fell].
- The decision was [not unanimous|split]: {2-4} of the [nine|eleven] members [voted for|wanted] [a larger
    increase|no change].
- [Mortgage|Lending] rates [are likely to|will] [follow|rise], which [could|may] cost a [typical|average]
    family {20-190} {place.money} a month.
> "[Patience is also a policy|We will do what is needed and no more|Money has been cheap for too long],"
    {person.last} said.
> [Economists|Most analysts] [expect|predict] [another|one more] [rise|cut|change] [before|by] {month2}.
> [Exporters|Builders] [complained|said] that [the decision came too late|credit was already hard to get].
~ {person.last} told parliament that inflation
~ The bank said in its report that the economy
# Business: currency
^ Dollar [Slips|Gains|Steadies] Against [Euro|Yen]
^ {place.adj} Currency Hits {few}-Year [Low|High]
+ The [dollar|euro|yen|pound] [fell|rose|slipped|gained] against [most|all] major currencies on {workday}
    [after|as] [weak|strong] [jobs|trade|retail] figures from {place.country}.
+ {place.country}'s currency [fell|rose] to its [lowest|highest] level in {few} [years|months] on {workday}
    [as|after] [investors|foreign funds] [sold|bought] [government bonds|local shares].
+ The central bank in {place.capital} [spent|sold] {1-9}.{1-9} billion dollars to [support|slow the fall of]
    its currency [last week|in {month}], [dealers|officials] said.
- [One euro|A euro] bought 1.{20-26} dollars [in late trading|at noon], [compared with|against] 1.{20-26}
    [late on {day2}|the day before].
- [Dealers|Traders] are [waiting for|looking to] {place2.adj} [inflation|growth] data on {month} {1-28},
    [which are|expected to be] [weak|strong].
- [Exporters|Tour operators] in {place.country} [have complained|say] that the [exchange rate|swings]
    [cost|costs] them {20-400} million {place.money} a [month|year].
- [Gold|Silver] [rose|fell] by {3-28} dollars [an ounce|in London], and [bond yields|the ten-year yield]
    [rose|fell] to {1-7}.{10-90} percent.
> "[Nobody wants to hold it over the weekend|It is a one-way bet until it is not|The trend is clear, the
    reason is not]," said {person}, a dealer at {bank}.
> [Finance ministers|Officials] [will discuss|did not discuss] [exchange rates|the matter] [in
    {place2.city}|next {season}].
> {person2}, {expert} at {broker}, [expects|forecast] a [rate|level] of {1-1}.{10-45} by {month2}.
~ Dealers said the currency
~ {person.last} said investors
# Business: stock markets
^ Stocks [Rise|Fall|Slip|Rally] on [Jobs|Earnings|Bank] News
^ {place.city} Shares End [Higher|Lower|Flat]
+ [Stocks|Shares] in {place.city} [[rose|ended higher] on {workday}, with the main index
    [gaining|adding]|[fell|ended lower] on {workday}, with the main index [losing|shedding]] {12-240}
    points, or {0-3}.{1-9} percent, [led by|along with|mainly because of] [banks|miners|software
    companies|retailers].
+ {place.adj} shares [rose|fell] for a {ordinal} [straight|successive] day on {workday} [as|after] [bond
    yields|oil prices|the currency] [fell|rose] and {maker} [cut|raised] its forecast.
+ [Stock markets|Shares] [around the world|across Asia|across Europe] [fell|rallied|steadied] on {workday}
    [after|following] [news|reports] of [weak factory orders|a truce in the tariff dispute|lower inflation]
    in {place.country}.
- [Advancing|Rising] shares [outnumbered|trailed] [declining|falling] ones by {2-5} to 1 on [light|heavy]
    volume of {200-950} million shares.
- {bank} [gained|lost] {1-9}.{1-9} percent and {software} [gained|lost] {2-14}.{1-9} percent after [a broker
    changed its rating|it announced a share buyback].
- [Investors|Traders] [ignored|worried about] [a fall in consumer confidence|higher rates|rising fuel
    costs], said {person} of {broker}.
- The index is [up|down] {2-28} percent [for the year|since {month}] and [close to|far from] its
    [record|{year} low].
> "[There were more sellers than sellers had expected|People are buying because people are buying|It feels
    like a market without a map]," [said {person.last}|{person.last} said].
> [Markets|Exchanges] in {place2.country} were closed for a [public|bank] holiday.
> [Smaller companies|Technology shares] [did better|did worse], [and|while] [banks|insurers|shipping lines]
    were [flat|mixed|hardly traded].
~ Traders said that shares
~ {person.last} said many investors were
# Business: job cuts
^ {maker} to Cut {300-9,000} Jobs
^ {carmaker} [Closes|Shuts] Plant in {place.city}
+ {maker} [will|said it would] [cut|eliminate] {300-9,500} jobs, or {3-24} percent of its [staff|workforce],
    [over the next {few} years|by {month}] to [reduce costs|return to profit].
+ {carmaker} [will close|is closing] its [assembly|engine] plant in {place.city} in {month},
    [putting|leaving] {400-4,800} people out of work.
+ {telecom} [offered|is offering] early retirement to {600-9,000} [workers|employees] in {place.country}, [a
    move|a step] it said would save {30-800} million {place.money} a year.
+ [Workers|Employees] at {maker} in {place.city} [voted|agreed] on {workday} to [accept lower
    pay|strike|work {2-5} hours more a week] [to save|in protest at plans to close] the [factory|plant].
- The [plant|factory], [opened|built] in {year}, [makes|produces] [gearboxes|refrigerators|tyres|printing
    machines], [which can be made|a product that is made] [at lower cost|for half the price] in
    {place2.country}.
- Union leader {person} [called the plan|described the cuts as] ["a slap in the face"|"short-sighted"|"the
    wrong answer"] and [promised|announced] [protests|a legal challenge].
- [About|Roughly] {20-70} percent of the cuts will [fall|come] in [sales|administration|research], [the
    company|management] said, and [nobody|no one] [over {50-58}|with young children] will be dismissed.
- [The regional government|Mayor {person2}] [offered|promised] {2-40} million {place.money} [in loans|for
    training] [if|provided that] [at least half of|some of] the jobs [stay|are kept].
> "[I have worked here for {19-38} years and I heard it on the radio|They say it is nothing personal, but it
    is|You cannot cut your way to growth]," said {person3}, a [fitter|welder|clerk].
> [Severance|Restructuring] costs will be [about|around] {20-500} million {place.money}, [charged|booked] in
    the {quarter} quarter.
> [The company|Management] [did not rule out|ruled out] [further|more] cuts [next year|in {place2.country}].
~ {person.last} said that workers
~ The company said the closure
> [The shares|The company's bonds] were [little changed|{1-6}.{1-9} percent lower|{1-6}.{1-9} percent
    higher] in [early|late|afternoon] trading.
~ Analysts said the company
# Business: new factory
^ {chipmaker} to Build Plant in {place.country}
^ {drugmaker} [Opens|Expands] {place.city} [Factory|Laboratory]
+ {chipmaker} [will|plans to] [build|open] a {1-9}.{1-9} billion dollar [factory|plant] [near|outside]
    {place.city} that [will employ|should create jobs for] {300-4,800} people.
+ {drugmaker} [opened|expanded] a [vaccine|insulin|packaging] plant in {place.city} on {workday}, [its
    first|the {ordinal}] in {place.country}.
+ {miner} [won|received] [permission|a licence] to [dig|reopen] a {metal} mine in {place.country},
    [promising|with] {400-5,000} jobs and [a new railway|a port].
+ {shipper} [ordered|has ordered] {few} [container ships|freight aircraft|electric trucks] from {place2.adj}
    [builders|yards] for {200-950} million {place.money}.
- [Construction|Building work] [starts|is to start] in {month} and will take [about|at least] {few} years,
    [said|according to] {person}, the [project|site] manager.
- {place.country} [beat|was chosen ahead of] {place2.country} and {place3.country} [with|thanks to] [lower
    taxes|cheap electricity|a {5-15}-year tax holiday].
- [The plant|Production] will [run|begin] at {20-70} percent of capacity [at first|until {month2}], rising
    to {200-950},000 [units|tonnes] a year.
- [Environmental groups|Neighbours] [have objected|objected] to the [plan|noise], [saying|arguing] that the
    {river} river [does not have enough water|will be polluted].
> "[We came for the engineers, not for the subsidies|It is the largest investment in this town since the
    railway|A chip plant is not built in a day]," {person.last} said.
> [The investment|The money] comes [from|out of] [retained profits|a bond sold in {month}], and no [state
    aid|new debt] is [needed|involved].
> Local unemployment is {6-18} percent, [twice|well above] the [national average|rate in {place.capital}].
~ {person.last} said the new plant
~ The mayor said the jobs
> [The shares|The company's bonds] were [little changed|{1-6}.{1-9} percent lower|{1-6}.{1-9} percent
    higher] in [early|late|afternoon] trading.
~ Analysts said the company
# Business: retail
^ Retail Sales [Rise|Fall] {1-5}.{1-9} Percent in {place.country}
^ {retailer} [Opens|Closes] {12-140} Stores
+ [Retail sales|Sales in shops] in {place.country} [rose {0-5}.{1-9} percent in {month}, [the biggest|the
    first] gain|fell {0-5}.{1-9} percent in {month}, [the biggest|the first] drop] [since {month2}|in {few}
    months], [after|as] [shoppers|families] [changed their minds about|thought again about]
    [clothes|furniture|cars].
+ {retailer} [will open|is closing|plans to close] {12-180} [stores|shops] in {place.country} [this year|by
    {month}] as [customers|more shoppers] [move online|look for lower prices].
+ [Shoppers|Bargain hunters] [[crowded|filled] [department stores|the shops] in {place.city} [over the
    holiday weekend|on {day}], [raising|lifting]|stayed away from [department stores|the shops] in
    {place.city} [over the holiday weekend|on {day}], dimming] hopes for a strong {season} season.
- Sales at stores open for [at least|more than] a year [rose|fell] {1-11}.{1-9} percent, [better|worse] than
    the {1-8} percent [expected|forecast].
- [Online|Internet] orders [grew|jumped] {9-65} percent and now make up [a quarter|a fifth|almost half] of
    the [total|business].
- [Chief executive|Marketing director] {person} said [customers|people] were [buying fewer things|looking at
    every label|coming back], [but|and] [paying more for each|waiting for discounts].
- [Rival|Competitor] {retailer2} [cut|lowered] prices on {300-5,000} [products|items] in {month},
    [starting|setting off] [a price war|a round of discounts].
> "[They come in, they look, and they leave|Christmas came late, but it came|We sold more umbrellas than
    sunglasses]," said {person2}, who [runs|owns] a [shoe shop|bookshop] in {place.city}.
> [Gift cards|Returned goods], [which are not counted|counted only later], [may|could] [add to|change] the
    [figures|total].
> [The statistics office|The trade association] [will publish|publishes] [new|revised] figures on {month}
    {1-28}.
~ {person.last} said shoppers
~ The retailer said that sales of
# Business: unemployment
^ {place.adj} Unemployment [Falls|Rises] to {3-14}.{1-9} Percent
^ [Economy|Exports] of {place.country} [Grow|Shrink]s {1-4}.{1-9} Percent
+ [Unemployment|The jobless rate] in {place.country} [fell to {3-14}.{1-9} percent in {month}, the
    lowest|rose to {3-14}.{1-9} percent in {month}, the highest] since {year}, [the labour ministry|the
    statistics office] said on {workday}.
+ {place.country}'s economy [grew|shrank] [by|at a rate of] {0-4}.{1-9} percent in the {quarter} quarter,
    [held back|pushed up|helped] by [exports|tourism|farm output|construction].
+ Employers in {place.country} [added|cut] {4-190},000 jobs in {month}, [far more|far fewer|slightly more]
    than [economists|analysts] had [expected|forecast].
- [Factories|Hotels and restaurants] [hired|laid off] {2-40},000 people, while [builders|hospitals|schools]
    [cut|added] {1-19},000.
- [Wages|Average pay] [rose|grew] {1-7}.{1-9} percent from a year [earlier|ago], [slower|faster] than
    [prices|inflation].
- [Young people|Older workers|Women returning to work] [still|are the ones who] [find it hard to
    get|struggle to find] [a job|permanent work], said [labour minister|economist] {person}.
- [The figures|Economists said the numbers] [do not include|exclude] {20-90},000 [seasonal|part-time]
    workers and [are often revised|may be revised] in {month2}.
> "[It is one good month, not a recovery|People have stopped looking, and that is why the rate fell|Growth
    without jobs is only arithmetic]," {person.last} said.
> [The government|The finance ministry] [still|no longer] expects growth of {1-5}.{1-9} percent [this
    year|next year].
> [Exports to|Trade with] {place2.country} [rose|fell] by {2-24} percent [over the same period|in {month}].
~ {person.last} said the labour market
~ Economists said that growth
# Business: airlines
^ {airline} [Orders|Grounds] {12-60} Jets
^ {airline} [Adds|Drops] Flights to {place2.city}
+ {airline} [ordered|agreed to lease] {12-90} [narrow-body|long-range|regional] jets on {workday} in a deal
    [worth|valued at] {1-12}.{1-9} billion dollars.
+ {airline} [cancelled|dropped] {20-320} flights [on {day}|this week] [after|because] [pilots|cabin
    crew|ground staff] [walked out|called in sick] [over pay|in a dispute about rest hours].
+ {airline} [filed for|emerged from] bankruptcy protection on {workday}, [weighed down by|after agreeing to
    cut] {1-9}.{1-9} billion dollars of [debt|pension costs].
+ {place.adj} carrier {airline} will [fly|offer daily flights] from {place.city} to {place2.city} [from
    {month}|starting in {season}], [competing with|in a challenge to] {airline2}.
- [Fuel|Jet fuel] now [makes up|accounts for] {21-42} percent of the airline's costs, and [each|every]
    [one-dollar rise|cent] [adds|costs] {4-60} million a year.
- The [airline|carrier] [carried|flew] {1-19}.{1-9} million passengers last year and filled {61-88} percent
    of its seats.
- [Unions|The pilots' union], [led by|whose leader is] {person}, [accepted|rejected] [a pay cut|an offer] of
    {4-19} percent [in a vote|by {52-78} percent to {22-40}].
- [Chief executive|Chairwoman] {person2} said fares would [not rise|rise by {3-15} {place.money}] [before
    {month2}|this {season}].
> "[An empty seat earns nothing|We are an airline, not a bank|Passengers want to be on time, that is all],"
    {person2.last} said.
> [Travellers|Passengers] [may|can] [change|return] their tickets [free of charge|without a fee] until
    {day2}.
> [Low-cost|Discount] rival {airline2} [lost|gained] {2-9} percent of the market [in a year|since {month}].
~ {person2.last} said the airline
~ The pilots' union said the offer
> [The shares|The company's bonds] were [little changed|{1-6}.{1-9} percent lower|{1-6}.{1-9} percent
    higher] in [early|late|afternoon] trading.
~ Analysts said the company
# Business: share sale
^ {software} [Soars|Slumps] on First Day
^ {software} [Prices|Delays] Share Sale
+ Shares in {software}, a maker of [accounting|mapping|hospital|translation] programs, [rose|jumped|fell]
    {9-88} percent on their first day of trading in {place.city} [on {workday}|after a {12-70}-fold
    oversubscription].
+ {software} [postponed|delayed|launched] a {90-900} million dollar [share sale|initial public offering] on
    {workday}, [citing|blaming] [poor|strong] [market conditions|demand].
+ The government of {place.country} [sold|will sell] a {10-49} percent stake in {telecom} [to the public|to
    small investors] for {1-9}.{1-9} billion {place.money}.
- The [stock|shares] [opened|began trading] at {11-48} {place.money}, [well above|below] the offer price of
    {9-40}, and [changed hands|closed] at {9-60}.
- [Founder|Co-founder] {person}, {24-51}, who [started|wrote] the [company|first version] in [a student
    flat|a spare bedroom], [owns|still owns] {12-48} percent.
- [Small investors|Private buyers] were [offered|given] {10-35} percent of the [issue|offering], and
    [most|all] of it was [taken within a day|sold by {day2}].
- The company [has|had] [never made a profit|made its first profit in {month}] and [warned|says] it may [not
    pay a dividend|lose money] for {few} years.
> "[It is only a number on a screen|We sold a little of the company to keep the rest growing|Yesterday I had
    a start-up, today I have shareholders]," {person.last} said.
> [Underwriter|Lead manager] {bank} [earned|will receive] {4-60} million in fees.
> {few} [other|more] [technology|internet] companies [plan|hope] to [list|sell shares] in {place.city}
    [before {month2}|this year].
~ {person.last} said the money
~ Investors said the share price
# Business: tariffs
^ {place.country}, {place2.country} [End|Widen] [Steel|Sugar|Timber|Textile] Dispute
^ {place.country} [Lifts|Imposes] Duties on {place2.adj} [Steel|Shoes|Timber|Wine]
+ {place.country} [imposed|lifted|threatened] [duties|tariffs] of {8-45} percent on
    [steel|shoes|timber|wine|cheese] from {place2.country} on {workday}, [saying|arguing] that
    [prices|subsidies] were [unfair|too low].
+ {place.country}'s trade [surplus|deficit] [widened|narrowed] to {1-19}.{1-9} billion dollars in {month} as
    [imports of fuel|exports of machinery|shipments of {crop}] [rose|fell].
+ {place2.country} [will appeal|appealed] against a [ruling|decision] [by trade judges|in {place3.city}] on
    {workday} that its [aid|loans] to [aircraft makers|sugar growers|shipyards] [broke the rules|was against
    the rules].
- [Importers|Builders|Shopkeepers] in {place.country} said [the duties|the new rules] would [raise|add
    {3-18} percent to] the price of [a house|a pair of boots|a new car].
- {place2.country} [sells|exports] [goods|steel and machinery] worth {1-24}.{1-9} billion dollars a year to
    {place.country}, [mostly|much of it] [moved|carried] by [rail|sea|truck].
- [Trade minister|Commissioner] {person} [gave|set] {place2.country} {20-90} days to [change|withdraw] the
    [subsidies|rules] or [face|accept] [further|higher] [duties|penalties].
- [Talks|Negotiations] [in {place3.city}|between the two sides] [broke down|made little progress] in
    {month}, [mainly|chiefly] over [farm|car] exports.
> "[We do not want a trade war, but we will not sleep through one|Fair trade means the same rules for all|In
    the end the customer pays]," {person.last} said.
> [Steelmakers|Growers], who employ {20-190},000 people, [welcomed|attacked] the [step|decision].
> {rival}, the {place2.adj} ambassador, [called|described] the [measure|step] as [a mistake|regrettable].
~ {person.last} said the tariffs
~ {rival.last} said {rival.his} country
# Business: housing and executives
^ House Prices [Fall|Rise] in {place.city}
^ {insurer} [Names|Loses] Chief Executive
+ [House prices|Rents] in {place.city} [rose|fell] {2-19} percent [in a year|in the {quarter} quarter], [the
    fastest|the slowest] [pace|rate] since {year}, [according to|said] [a survey by {bank}|the land
    registry].
+ {insurer} [named|appointed] {person} as [chief executive|chairman] on {workday}, [replacing|succeeding]
    {person2}, who [retires|is leaving] after {3-19} years.
+ [Chief executive|Chairman] {person} [resigned from|stepped down at] {shipper} on {workday}, [a week|{few}
    weeks] after [a failed takeover|a quarrel with the board|a {8-40} percent fall in profit].
+ [Builders|Developers] in {place.country} [started|began] {2-60},000 [new homes|flats] in {month}, {2-28}
    percent [more|fewer] than a year [earlier|ago].
- {person.last}, {39-64}, [joined|came to] the company from {maker} in {lately} and [previously|earlier] ran
    its [{place2.adj}|Asian|European] business.
- [An average|A typical] [flat|three-room apartment] now costs {140-900},000 {place.money}, or {5-14} times
    [a teacher's salary|average annual pay].
- [Mortgage|Home loan] approvals [fell|rose] to {11-90},000 a month, [and|while] [nearly|about] {3-20}
    percent of [borrowers|owners] [are late with|miss] payments.
- The [board|company] [thanked|praised] {person2.last} [for a smooth handover|in a one-line statement] and
    [said|confirmed] the strategy would [not change|be reviewed].
> "[It is a good house but I would not buy it today|I know what I do not know, and I have a hundred days to
    learn it|Buyers have gone on holiday]," {person.last} said.
> [The new|The incoming] [chief|manager] will [earn|be paid] {1-6}.{1-9} million {place.money} a year
    [plus|and] [shares|a bonus].
> [Estate agents|Lenders] [expect|fear] [a quiet|another difficult] {season}.
~ {person.last} told staff that the company
~ Estate agents said that buyers
# Sci/Tech: any
~ Scientists said the
> [Companies|Dealers|Schools] in {place2.country} [have|had] [shown interest|asked for details], but [no
    date|no price|nothing more] has been [set|announced].
> [A similar|An earlier] [attempt|plan|effort] in {place2.country} [failed|was given up|ran out of money]
    [after {few2} months|in {lately}].
> [Students|Volunteers|Retired engineers] did [much|a good part] of the [work|testing], [often at night|for
    {few2} months|without pay], said {person3}.
> [Money|Funding] for [another|a further] {few2} years [has been|was] [found|promised], [partly by|with help
    from] {place2.country}.
> "[There are easier ways to earn a living|I would like to see the numbers twice|Ten years ago we would have
    laughed|It is a good idea with a bad name]," said {person3} of {institute2}.
> [Not everybody agrees|Some doubt it]: {person3}, {41-79}, [called the evidence thin|wants to see more
    data|would have done it differently].
# Sci/Tech: exoplanet
^ Astronomers Find [New|Cloudy|Tiny|Giant] Planet {12-900} Light-Years Away
^ [Distant|Dim] Star Has {few} Planets
+ Astronomers [in|working in] {place.country} have [found|discovered] a planet [twice|half|{few} times] the
    size of Earth [circling|orbiting] a [dim red|young|sun-like] star {11-900} light-years away.
+ A [rocky|cloudy|giant] planet with a year of only {2-90} [hours|days] has been [found|spotted]
    [around|near] a [pair of stars|dying star], [a team|researchers] at {institute} said on {day}.
+ [Images|Measurements] from a telescope [in|run by] {place.country} show [a ring of dust|traces of water
    vapour|{few} new moons] [around|near] a [star|planet] [{20-600} light-years away|in the next galaxy].
- [The planet|The new world] is [too hot|too cold|about the right temperature] for liquid water, at
    [around|about] {50-950} degrees [by day|on its surface].
- {person}, who [led|directed] the search, used [a spectrograph|{few} small telescopes] to [measure|follow]
    the [wobble|dimming] of the star over {14-400} nights.
- [Only|No more than] {few} planets of this [kind|size] are known, and [none|only one] of them is [so close
    to|so far from] its star.
- [The light|Starlight] [passing through|filtered by] the atmosphere [shows|carries] the mark of
    [sodium|methane|carbon dioxide] but not of [oxygen|water].
> "[It is a strange place, and we were not looking for it|You could not stand there, but you would like the
    view|Every planet we find makes our own look less ordinary]," {person.last} said.
> [A larger telescope|A space telescope], [planned|due to be launched] in {month}, [will|should] [look
    for|measure] clouds there.
> The star is [visible|not visible] to the naked eye in the [southern|northern] sky.
~ {person.last} said the planet
~ Astronomers said the star
> [The work|The study|The finding] was [published|described] in {journal} [on {day}|this week].
> "[We did not believe it ourselves, so we did it again|It is a small step, but it points somewhere|The
    honest answer is that we do not know yet|It works in the laboratory, which is not the same as working],"
    said {person3}, who was not [involved|part of the team].
> [Critics|Other researchers|Independent experts] [warned|cautioned] that the [result|claim] had [not yet
    been repeated|only been tested {few} times].
~ The researchers said the results
# Sci/Tech: spacecraft
^ {probe} [Enters Orbit|Lands|Falls Silent] [at|Near] {planet}
^ {place.country} [Launches|Loses] [Weather|Radar|Science] Satellite
+ The {place.adj} spacecraft {probe} [entered orbit around|flew past] {planet} on {day} after a journey of
    {few} years and {200-950} million kilometres.
+ {aerospace} [launched|failed to launch] [a weather|a radar|a communications] satellite [for|built in]
    {place.country} on {day}, [after|despite] {few} delays [caused by|because of] [weather|a leaking valve].
+ [Engineers|Flight controllers] in {place.city} [lost|regained] contact with the {probe} probe, [which
    is|now] [orbiting|on its way to] {planet}, on {day}.
+ [Astronauts|Two astronauts] [repaired|replaced] [a broken pump|a solar panel] outside the space station on
    {day} [in|during] a {4-8}-hour spacewalk.
- [The craft|The probe], the size of a [washing machine|small car|piano], carries {few}
    [cameras|instruments] and [a drill|a magnetometer|a tiny oven].
- [Signals|Radio signals] from {probe} take {11-90} minutes to [reach|arrive at] Earth, so [controllers|the
    team] cannot [steer it directly|help in an emergency].
- [Mission chief|Project scientist] {person} said the [engine|heat shield|antenna] had [worked
    perfectly|worked better than in any test|not opened fully].
- The [mission|launch] [cost|cost about] {90-900} million {place.money}, [half|a third] of it paid by
    {place2.country}.
> "[We have ears again|Seven minutes of silence, and then a very small beep|Space is hard and we were
    lucky]," {person.last} said.
> The first [pictures|measurements] are [expected|due] [on {day2}|within {few2} days].
> [If all goes well|Unless the batteries fail], {probe} will [land|begin its survey] in {month}.
~ {person.last} said the spacecraft
~ Engineers said the antenna
# Sci/Tech: fossils
^ Fossil [Shows|Suggests] {beast} [Had Feathers|Lived in Herds|Could Swim]
^ [Farmer|Child|Hiker] Finds {20-190}-Million-Year-Old {beast}
+ [Fossils|Bones] found in {place.country} [belong to|come from] a {20-220}-million-year-old {beast} [as
    long as a bus|no bigger than a dog|with {40-90} teeth], [scientists|palaeontologists] said on {day}.
+ A [farmer|schoolgirl|quarry worker] [near|outside] {place.city} has [found|dug up] the [skull|jaw|almost
    complete skeleton] of a [previously unknown|rare] {beast}.
+ [Footprints|Eggs|Skin impressions] in {place.adj} [sandstone|clay] [suggest|show] that an ancient {beast}
    [lived in herds|cared for its young|walked on two legs].
- [Palaeontologist|Geologist] {person} of {institute} [spent|needed] {few} [summers|winters]
    [freeing|cleaning] the bones [with|using] [dental tools|a needle].
- [Growth rings|Scratches|Tiny holes] in the [bone|teeth] [show|indicate] that the animal [ate fish|was
    {7-40} years old|grew quickly] and [weighed|may have weighed] {20-900} kilograms.
- The [layer|rock] was [laid down|formed] [when|at a time when] {place.country} was [covered by a warm sea|a
    desert|joined to Africa].
- It is [not|probably not] an ancestor of [modern birds|today's lizards], [but|although] it [shares|has]
    [the same|a similar] [ear|wrist|hip].
> "[It looked at me out of the rock|We have the front half, and we are still looking for the back|Textbooks
    age quickly in this field]," {person.last} said.
> The [skeleton|find] will be [shown|on display] in {place.city} from {month}.
> [The finder|The landowner], {person2}, [was promised|will get] [a copy|a plaster cast] and [a free
    ticket|no money].
~ {person.last} said the animal
~ The museum said the bones
> [The work|The study|The finding] was [published|described] in {journal} [on {day}|this week].
> "[We did not believe it ourselves, so we did it again|It is a small step, but it points somewhere|The
    honest answer is that we do not know yet|It works in the laboratory, which is not the same as working],"
    said {person3}, who was not [involved|part of the team].
> [Critics|Other researchers|Independent experts] [warned|cautioned] that the [result|claim] had [not yet
    been repeated|only been tested {few} times].
~ The researchers said the results
# Sci/Tech: climate
^ [Glaciers|Sea Ice|Permafrost] [Shrinks|Melts|Thins] [Faster|Slower] Than Expected
^ [Warmest|Driest] {month} in {place.country} Since {year}
+ [Glaciers|Snow fields] [on|around] {mountain} in {place.country} have [lost|shrunk by] {9-60} percent of
    their [area|volume] since {year}, [a study showed|satellite images showed|according to a study released]
    on {day}.
+ [Last month|{month}] was the [warmest|driest|wettest] [since records began|since {year}] in [much|most] of
    {place.country}, [the weather office|researchers at {institute}] said.
+ [The sea|Sea level] [near|around] the island of {island} is rising by {2-9} millimetres a year,
    [faster|slower] than [models|earlier studies] [predicted|suggested].
+ [Forests|Peat bogs|Mangroves] in {place.country} [absorb|store] [less|more] carbon dioxide than
    [thought|was assumed], [according to|says] a {few}-year [survey|study].
- [Temperatures|Average temperatures] were {1-4}.{1-9} degrees above [normal|the average], and
    [rain|drizzle] fell on only {2-12} days.
- {person}, [an oceanographer|a climate scientist] at {institute}, [said|stressed] that [no single
    [season|storm] proves|one [season|storm] does not prove] [a trend|anything].
- The [team|group] [compared|studied] {200-4,000} [photographs|tide records|ice cores], some of them [dating
    from|taken in] {year}.
- [If|Unless] emissions [continue|fall], [the ice|the beaches] could [vanish|shrink by half] [before|by]
    20{45-95}, the [report|authors] [said|estimated].
> "[The ice does not read our reports|A warm winter feels pleasant and costs a great deal|We can measure it
    to the millimetre and still argue]," {person.last} said.
> {place.country} [plans|has promised] to cut its emissions [by {15-60} percent|in half] [within {few}
    years|by 20{30-45}].
> [Farmers|Fishermen] [have already|had already] [noticed|felt] the [change|difference], [planting|sailing]
    {9-25} days earlier.
~ {person.last} said the ice
~ The report said that warmer summers
> [The work|The study|The finding] was [published|described] in {journal} [on {day}|this week].
> "[We did not believe it ourselves, so we did it again|It is a small step, but it points somewhere|The
    honest answer is that we do not know yet|It works in the laboratory, which is not the same as working],"
    said {person3}, who was not [involved|part of the team].
> [Critics|Other researchers|Independent experts] [warned|cautioned] that the [result|claim] had [not yet
    been repeated|only been tested {few} times].
~ The researchers said the results
# Sci/Tech: medicine
^ [New|Cheap|Old] Drug [Cuts|Fails to Cut] Deaths From {disease}
^ [Vaccine|Patch|Blood Test] for {disease} Shows Promise
+ A [new|cheap|once-weekly] [drug|vaccine|inhaler] [halved|cut|did not reduce] the [risk|symptoms] of
    {disease} in a [trial|study] of {200-9,000} [patients|volunteers] in {place.country}.
+ {drugmaker} [won|was refused] approval [in|from regulators in] {place.country} on {day} to sell [a
    tablet|an injection] [against|for] {disease}.
+ [Doctors|Surgeons] in {place.city} have [used|implanted] [an artificial|a printed|a donated] [cornea|heart
    valve|ear bone] to [treat|help] [a {6-80}-year-old patient|{few} patients] [for the first time|in
    operations lasting up to {4-11} hours].
+ Drinking [coffee|green tea|milk] [every day|after meals] [does not protect|may protect] [adults|people]
    against {disease}, a {few}-year study [suggests|found].
- [Half|A third] of the [patients|volunteers] were given a [placebo|sugar pill], and [neither they nor|not
    even] their doctors knew [which|who].
- Side effects [included|were] [headache|nausea|a mild rash] in {2-19} percent [of cases|of patients], but
    [none|only one] was [serious|severe].
- {person}, who [designed|led] the study at {institute}, said [longer|larger] trials were [needed|planned]
    [before|to see if] the drug [could be|can be] [used widely|given to children].
- [About|Roughly] {2-90} million people [suffer from|live with] {disease}, and [many|most] of them cannot
    [afford|get] [treatment|the present drugs].
> "[It is not a cure, and nobody should call it one|I can read the bus numbers again|Good news in medicine
    comes slowly]," {person.last} said.
> [The treatment|A month's treatment] would cost [about|less than] {4-300} {place.money}.
> The [trial|study] was [stopped early|paid for by] [because the benefit was clear|a charity|{drugmaker}].
~ {person.last} said patients
~ Doctors said the treatment
> [The work|The study|The finding] was [published|described] in {journal} [on {day}|this week].
> "[We did not believe it ourselves, so we did it again|It is a small step, but it points somewhere|The
    honest answer is that we do not know yet|It works in the laboratory, which is not the same as working],"
    said {person3}, who was not [involved|part of the team].
> [Critics|Other researchers|Independent experts] [warned|cautioned] that the [result|claim] had [not yet
    been repeated|only been tested {few} times].
~ The researchers said the results
# Sci/Tech: animals and genes
^ New {creature} [Found|Named] in {place.country}
^ Scientists [Read|Map] Genome of {creature}
+ [Biologists|Divers|Botanists] in {place.country} have [discovered|described] a [new|tiny|blind|bright
    blue] {creature} [in a cave|on a single mountain|in an abandoned mine] [near|outside] {place.city}.
+ [Researchers|Geneticists] at {institute} have [read|decoded] the [genome|complete DNA] of a {creature},
    [finding|and found] {9-38},000 genes, [many|some] of them [without a known purpose|shared with people].
+ A {creature} [thought|believed] to be extinct since {year} has been [photographed|seen] [again|alive] in
    {place.country}, [conservationists|rangers] said on {day}.
+ [Honeybees|Crows|Elephants|Dolphins] can [count to {few}|recognise faces|remember a sound for {few}
    years], [researchers|zoologists] in {place.country} [have found|say].
- In [another|a second] test the animals were [given|shown] [sugar|coloured cards|mirrors] and [chose|gave]
    the [right|correct] [answer|card] in {58-95} percent of [trials|cases].
- {person}, who [found|named] it, [first|at first] [mistook it for|thought it was] [a leaf|a stone|a common
    species].
- [One gene|A single gene] [seems|appears] to [control|explain] its [colour|sense of smell|resistance to
    cold], and [the same gene|a similar one] is [found|known] in [people|yeast].
- [Fewer than|Not more than] {40-900} [remain|are left] in the wild, because [their forest|the reef] is
    [being cleared|shrinking] by {2-9} percent a year.
> "[It had been hiding in plain sight|You do not need a big brain to be clever|We named it after the cook on
    our boat]," {person.last} said.
> [A reserve|A protected area] of {200-9,000} hectares is [planned|to be set up] [by|in] {month}.
> [Nobody knows|It is not known] [what it eats|how it breeds|why it lives so long].
~ {person.last} said the species
~ Biologists said the animals
> [The work|The study|The finding] was [published|described] in {journal} [on {day}|this week].
> "[We did not believe it ourselves, so we did it again|It is a small step, but it points somewhere|The
    honest answer is that we do not know yet|It works in the laboratory, which is not the same as working],"
    said {person3}, who was not [involved|part of the team].
> [Critics|Other researchers|Independent experts] [warned|cautioned] that the [result|claim] had [not yet
    been repeated|only been tested {few} times].
~ The researchers said the results
# Sci/Tech: chips
^ {chipmaker.stem} [Unveils|Delays] {few}-Core Chip
^ {chipmaker.stem} [Shrinks|Stacks] Transistors
+ {chipmaker} [unveiled|announced|delayed] a [processor|memory chip|graphics chip] on {workday} that
    [uses|needs] {15-60} percent less [power|electricity] [than|compared with] [its predecessor|rival
    products].
+ {chipmaker} and {hardware} [will|agreed to] [develop|design] [chips|processors] for [phones|cars|game
    consoles|medical scanners] [together|in a joint laboratory in {place.city}].
+ [Researchers|Engineers] at {institute} have [built|made] a [transistor|memory cell] [from|out of]
    [carbon|a single molecule|glass] that [switches|works] {2-40} times [faster|longer] than
    [silicon|today's parts].
- The [chip|part], [etched|made] with lines {3-90} nanometres wide, [packs|holds] {1-40} billion transistors
    and [runs|works] at {1-5}.{1-9} gigahertz.
- [Production|Volume production] [starts|will start] in {month} in {place2.city}, and the [first|cheapest]
    model will [cost|sell for] {40-900} dollars.
- [Rival|Competitor] {chipmaker2} [plans|is expected] to [answer|follow] with [a similar|a cheaper]
    [design|chip] [before|by] {month2}.
- [Heat|Leaking current] remains [the main|a] problem: [without|lacking] a fan the chip [reaches|gets to]
    {70-110} degrees [within|after] {few} [seconds|minutes].
> "[Speed is not everything any more, the battery is|We ran out of width, so we built upwards|It does half
    the work twice, and that is the trick]," said {person}, [head of research|chief engineer].
> {hardware} will [use|put] the chip in its [next|newest] {device}.
> [Sample|Test] chips have been [sent|shipped] to {few} [customers|laboratories].
~ {person.last} said the chip
~ Engineers said the new processor
# Sci/Tech: phones and gadgets
^ {hardware} [Launches|Recalls|Delays] {device}
^ {telecom} [Tests|Starts] [Faster|Video|Satellite] Service
+ {hardware} [introduced|launched|showed] a [{device}|folding {device}|{device} for children] on {workday}
    that [weighs|measures] only {60-900} grams and [runs|lasts] {9-70} hours on one charge.
+ {hardware} [recalled|is recalling] {9-900},000 {device} batteries on {workday} because they [can|could]
    [overheat|leak|swell].
+ {telecom} [began|will begin] [selling|offering] [video calls|satellite texting|unlimited data] to [phone
    customers|subscribers] in {place.country} [on {workday}|from {month}] for {5-60} {place.money} a month.
- The {device} has a [camera|screen] [with|of] {5-90} [megapixels|centimetres], [but|and] no [headphone
    socket|keyboard|buttons].
- [Early reviews|Reviewers] [praised|liked] the [screen|sound] but [complained about|disliked] the
    [price|weight|menus].
- [Sales|Shipments] of such devices [rose|fell] {6-70} percent last year to {2-90} million, [{broker}
    said|according to research by {broker}].
- [Some|About] {20-70} percent of [users|owners] [keep theirs for {few} years|replace a {device} within two
    years], said {person} of {hardware2}.
> "[People do not want more buttons, they want fewer|It is thin because we left out what nobody used|My
    mother is my test customer]," {person2}, the [designer|product manager], said.
> [The device|It] [goes on sale|will be sold] in {place2.country} [first|next], [from|starting on] {month}
    {1-28}.
> [No injuries|Only {few} minor burns] were reported, and [owners|buyers] can [ask for|get] a [refund|free
    replacement].
~ {person2.last} said the device
~ Reviewers said the screen
# Sci/Tech: computer security
^ [Worm|Virus|Flaw] Hits {software} [Mail|Database|Browser]
^ {software} [Patches|Confirms] {few} Security Holes
+ A [worm|virus|malicious program] [spreading|sent] by [e-mail|text message] [infected|slowed] {9-900},000
    computers in {place.country} [on {day}|within hours] by [using|exploiting] a flaw in {software}
    [mail|web] programs.
+ {software} [released|published] {few} [patches|updates] on {workday} for [critical|serious] flaws that
    could [let attackers|allow hackers to] [read files|take control of a machine].
+ [Police|Prosecutors] in {place.country} [arrested|questioned] a [{15-29}-year-old student|former
    programmer] [suspected of|accused of] [writing|selling] a program that [stole passwords|locked files at
    {few} hospitals].
+ [Half|A third] of [home computers|small firms] [in {place.country}|asked in a survey] [do not|never]
    [update|back up] their [files|programs], [security firm|researchers at] {software2} [found|said].
- The [program|attack] [arrives|came] as [an invoice|a holiday picture|a job offer] and [copies|sends]
    itself to [everyone|every address] in the [user's|victim's] [address book|phone].
- [Security expert|Analyst] {person} [advised|urged] users [not to open|to delete] [unexpected
    attachments|messages from strangers] and to [change|lengthen] [their|all] passwords.
- The [flaw|hole] was [found|reported] {20-120} days ago by [a student in {place.city}|a paid tester], but
    [a fix|the repair] [took|needed] [longer than planned|{few} weeks].
- [Banks|Airlines] [shut down|switched off] {few} [services|servers] as a precaution, and [no customer data
    were|nothing was] [stolen|lost].
> "[It is not clever, it is only fast|The weakest part of the system is still the person in the chair|We had
    a lock and we left the key in it]," {person.last} said.
> [Users|Customers] of [older|unsupported] versions will [not receive|have to pay for] the [patch|update].
> [Damage|Losses] [worldwide|so far] [may|could] [reach|exceed] {10-900} million dollars.
~ {person.last} said the program
~ Security experts said users
# Sci/Tech: web services
^ {software} [Adds|Tests|Drops] [Search|Map|Photo|Music] Service
^ {software} [Sued|Fined] Over [Search|Privacy|Patents]
+ {software} [began testing|launched|shut down] a [search engine|map service|photo site|music store] on
    {workday} that [learns from|remembers|ignores] [what users click|its users' habits].
+ {software} [sued|filed a complaint against] {software2} on {workday}, [saying|claiming] that its
    [search|messaging|payment] service [copies|infringes] {few} [patents|inventions].
+ [Libraries|Universities] in {place.country} [will|agreed to] [scan|put] {20-900},000
    [books|maps|newspapers] [online|on the web] [with|with the help of] {software}.
+ [More than|About] {31-88} percent of [homes|teenagers|pensioners] in {place.country} [now use|are
    connected to] the [internet|web] [every day|at high speed], up from {9-30} percent in {lately}.
- The [service|site] is free [but|and] [shows|carries] [advertisements|no advertisements], and [counts|had]
    {1-60} million [visitors|users] [in its first week|a month].
- [Privacy|Consumer] groups [complained|said] that the [company|site] [keeps|stores]
    [messages|locations|photographs] for {few} years [without asking|and does not say why].
- [Programmers|A group of volunteers] [can|may] [read|change] the [code|software], which was
    [published|released] under an open licence [in {month}|on {day2}].
- [Product manager|Founder] {person} said [speed|accuracy] had [improved|doubled], [but|though] [spelling
    mistakes|rare languages] [still|continue to] [confuse it|cause trouble].
> "[People do not search, they ask|We delete more than we keep|A good page is one you leave quickly],"
    {person.last} said.
> [A version|An edition] in {few2} [more|other] languages is [planned|promised] for {month}.
> {software2} [denied the claims|said it would defend itself] and [called the [case|complaint]|described the
    [case|complaint] as] [baseless|a distraction].
~ {person.last} said the site
~ Privacy groups said that users
# Sci/Tech: robots
^ Robot [Folds Laundry|Picks Apples|Climbs Stairs|Plays Table Tennis]
^ {robotics} [Shows|Sells] [Kitchen|Farm|Hospital] Robot
+ [Engineers|Students] at {institute} have [built|shown] a robot that can [fold shirts|pick ripe fruit|climb
    stairs|carry hospital trays] [without help|after watching a person {few} times].
+ {robotics} [unveiled|demonstrated] a {few}-legged [robot|machine] on {day} [designed|meant] to [inspect
    tunnels|guide blind people|weed fields|search collapsed buildings].
+ [Driverless|Self-driving] [buses|trucks|tractors] [began|will begin] [carrying|moving] [passengers|goods]
    in {place.city} [on {day}|in {month}], at [no more than|up to] {15-70} kilometres an hour.
+ A [computer program|machine] [written|trained] at {institute} [beat|lost to] [a panel of experts|a
    {place.adj} champion] at [bridge|reading X-rays|a card game|naming birds] on {day}.
- The [machine|robot] [learned|was trained] [from|on] {2-900} thousand [pictures|examples] and [makes|made]
    a mistake [once in {20-300} attempts|in {1-9} percent of cases].
- It [weighs|stands] {12-190} [kilograms|centimetres tall], runs for {2-9} hours and [falls over|stops]
    [less often|more often] [on grass|in the dark].
- {person}, who [leads|started] the project, said [balance|dust|noise] [was|had been] [the hardest
    part|harder than the software].
- [A similar|An earlier] [robot|program] [failed|broke down] in {year} [because|when] its [motors|sensors]
    were too [slow|weak].
> "[It does not think, it counts very fast|It will not replace nurses, it will save them a walk|It dropped
    nine hundred eggs before it kept one]," {person.last} said.
> {robotics} [hopes|plans] to [sell|rent out] the [machine|robot] [for|at] {3-90},000 dollars [from|by]
    {month2}.
> [Unions|Drivers] [asked|want to know] [who pays|what happens] [when|if] [something goes wrong|the machine
    is mistaken].
~ {person.last} said the robot
~ The engineers said the machine
# Sci/Tech: energy
^ [Solar|Wind|Tidal|Geothermal] [Plant|Farm] Opens in {place.country}
^ {element} Battery Lasts {few} Times Longer
+ A battery made [with|from] {element} [keeps|held] {71-97} percent of its charge after {1,000-9,000}
    cycles, [researchers|chemists] at {institute} [reported|said] on {day}.
+ {place.country} [opened|switched on] [a solar|a wind|a tidal|a geothermal] power station [near|outside]
    {place.city} on {day} that [can supply|supplies] {12-480},000 homes.
+ [A fuel cell|A hydrogen|An electric] [bus|ferry|aircraft] [completed|began] a {90-950}-kilometre
    [test|trip] [across|around] {place.country} on {day}.
+ [Physicists|Engineers] in {place.country} [kept|held] a fusion reaction going for {2-400} seconds, [a
    record|longer than ever before], at {20-150} million degrees.
- The [equipment|hardware], [made|built] in {place2.country}, still [loses|wastes] {16-39} percent of the
    [energy|power] as heat.
- [The technology|The method] is [cheap|safe] and [simple|quiet], but [charging|maintenance] [still|at
    present] takes {few} [hours|times as long].
- {person}, the [project's|company's] [chief engineer|chemist], said [costs|prices] must [fall|come down] by
    [half|a third] [before|if] it [can compete with|is to replace] [gas|coal|lithium].
- [The grid|The national network] [can|could] [not|hardly] [store|use] [all of|more than {40-80} percent of]
    the [power|energy] on windy [nights|days].
> "[The wind is free, the cable is not|We were one loose screw away from a record last year|Batteries are
    like people: they age, and some age well]," {person.last} said.
> The [work|project] cost {40-900} million {place.money} and will [pay for itself in|run for] {9-30} years.
> [Car makers|Phone makers] have [asked for|ordered] [samples|test cells], [said|according to] {person2}.
~ {person.last} said the battery
~ Engineers said the turbines
> [The work|The study|The finding] was [published|described] in {journal} [on {day}|this week].
> "[We did not believe it ourselves, so we did it again|It is a small step, but it points somewhere|The
    honest answer is that we do not know yet|It works in the laboratory, which is not the same as working],"
    said {person3}, who was not [involved|part of the team].
> [Critics|Other researchers|Independent experts] [warned|cautioned] that the [result|claim] had [not yet
    been repeated|only been tested {few} times].
~ The researchers said the results
# Sci/Tech: physics
^ Physicists [Weigh|Count|Slow|Trap] {particle}
^ [Clock|Laser|Magnet] [Sets|Breaks] Record in {place.city}
+ Physicists [in|at a laboratory in] {place.city} have [measured|weighed|trapped|slowed] {particle} [more
    precisely than ever|with an error of one part in {2-90} billion].
+ [An atomic clock|A laser|A magnet] at {institute} [set|broke] a [world|national] record on {day}, [gaining
    or losing|drifting by] [less than|only] a second in {2-90} [billion|million] years.
+ [A detector|An instrument] [buried|built] {200-2,000} metres [under|below] {mountain} has [seen|recorded]
    {few} [flashes|signals] that may [come from|be caused by] [dark matter|unknown {particle}].
+ [Mathematicians|A mathematician] in {place.country} [solved|claimed to have solved] a [problem|puzzle]
    about [knots|prime numbers|packing spheres] that [dates from|was set in] {year}.
- The [experiment|proof] [took|needed] {few} years, {40-190} [people|pages] and [tanks of liquid helium|a
    great deal of coffee|a disused mine].
- [The result|The number] [agrees|does not agree] with [theory|an experiment in {place2.country}], [and|but]
    the [difference|error] is [larger|smaller] than [anyone|the team] expected.
- {person}, a [physicist|professor] at {institute}, said there was [one chance in {200-9,000}|a {1-5}
    percent chance] that the signal was [noise|a fault].
- At [temperatures|a temperature] close to absolute zero the [atoms|particles] [behave|move] like [a single
    wave|a fluid without friction].
> "[Either we have found something or we have a loose cable|Nature does not care which answer we like|It is
    useless, and it is beautiful]," {person.last} said.
> [Two|Three] other [teams|laboratories], in {place2.country} and {place3.country}, will [check|repeat] the
    [measurement|work].
> [The data|All data] will be [released|published] [in {month}|before the conference in {place3.city}].
~ {person.last} said the particles
~ Physicists said the measurement
> [The work|The study|The finding] was [published|described] in {journal} [on {day}|this week].
> "[We did not believe it ourselves, so we did it again|It is a small step, but it points somewhere|The
    honest answer is that we do not know yet|It works in the laboratory, which is not the same as working],"
    said {person3}, who was not [involved|part of the team].
> [Critics|Other researchers|Independent experts] [warned|cautioned] that the [result|claim] had [not yet
    been repeated|only been tested {few} times].
~ The researchers said the results
# Sci/Tech: archaeology and ocean
^ [Diver|Archaeologist]s Find {few} [Wrecks|Graves] [Near|Off] {place.city}
^ [Ancient|Roman|Bronze Age] [Harbour|Kitchen|Road] Found Under {place.city}
+ Archaeologists [digging|working] [under a car park|beside the railway] in {place.city} have
    [found|uncovered] [a kitchen|a harbour wall|a mosaic floor|{few} graves] [about|almost] {1,200-7,000}
    years old.
+ [Divers|A robot submarine] [off|near] the island of {island} [found|photographed] the wreck of a
    [merchant|grain|wooden] ship that [sank|went down] [in a storm|about {300-2,000} years ago].
+ [Sonar maps|A survey] of the sea floor [near|west of] the island of {island} [revealed|showed] {few}
    [volcanoes|canyons|coral reefs] [nobody had known about|up to {200-2,000} metres high].
- The [site|wreck] [held|contained] {40-900} [jars|coins|bone needles], [some|many] of them [unbroken|well
    preserved], and [a child's shoe|a pair of dice|a bronze mirror].
- [Radiocarbon|Tree-ring] dating by {institute} [showed|suggests] that the [wood|grain] was cut
    [about|around] {300-5,000} years ago, [much earlier|later] than [thought|the coins suggested].
- {person}, who [directs|leads] the dig, said the [people|sailors] [traded|had traded] with [islands|towns]
    {90-900} kilometres [away|to the south].
- [Builders|The city council] must [wait|stop work] for {few} weeks [while|until] [the objects|the stones]
    are [drawn and lifted|moved to a museum].
> "[Somebody put down a spoon and never came back|It is the rubbish that tells you how people lived|We
    stopped talking when the light fell on it]," {person.last} said.
> [The finds|The objects] will be [shown|kept] in [{place.city}|the national museum] [from {month}|after
    cleaning].
> [Only|So far only] {5-40} percent of the [site|area] has been [searched|explored].
~ {person.last} said the objects
~ The museum said visitors
> [The work|The study|The finding] was [published|described] in {journal} [on {day}|this week].
> "[We did not believe it ourselves, so we did it again|It is a small step, but it points somewhere|The
    honest answer is that we do not know yet|It works in the laboratory, which is not the same as working],"
    said {person3}, who was not [involved|part of the team].
> [Critics|Other researchers|Independent experts] [warned|cautioned] that the [result|claim] had [not yet
    been repeated|only been tested {few} times].
~ The researchers said the results
"""
