"""Real Flemish towns to scatter made-up addresses around: name, postal code, centre, and how often they occur."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

_STREETS = (
    "Kerkstraat", "Stationsstraat", "Molenstraat", "Nieuwstraat", "Schoolstraat", "Kapelstraat", "Lindelaan",
    "Dorpsstraat", "Veldstraat", "Beukenlaan", "Bosstraat", "Hoogstraat", "Eikenlaan", "Populierenlaan", "Zandstraat",
    "Berkenlaan", "Meersstraat", "Parklaan", "Windmolenstraat", "Kasteelstraat", "Rozenlaan", "Brugstraat",
)  # fmt: skip
_TYPICAL_SPREAD_DEGREES = 0.011
"""About 1.2 km north to south: most addresses lie in the built-up area."""
_WIDEST_SPREAD_DEGREES = 0.035


@dataclass(frozen=True)
class Town:
    """A town; `share` is its weight among the towns of its territory, roughly by inhabitants (thousands)."""

    name: str
    postcode: str
    latitude: float
    longitude: float
    share: int


@dataclass(frozen=True)
class Address:
    """A made-up address: the town is real, the house is not."""

    street: str
    number: str
    town: Town
    latitude: float
    longitude: float


TOWNS: Mapping[str, tuple[Town, ...]] = {
    "oost-vlaanderen": (
        Town("Gent", "9000", 51.0543, 3.7174, 120),
        Town("Merelbeke", "9820", 50.9947, 3.7464, 25),
        Town("Lochristi", "9080", 51.0967, 3.8317, 22),
        Town("Wetteren", "9230", 51.0053, 3.8831, 25),
        Town("Deinze", "9800", 50.9826, 3.5310, 40),
        Town("Eeklo", "9900", 51.1856, 3.5640, 20),
        Town("Lokeren", "9160", 51.1036, 3.9936, 42),
        Town("Sint-Niklaas", "9100", 51.1651, 4.1437, 45),
        Town("Dendermonde", "9200", 51.0280, 4.1010, 35),
        Town("Aalst", "9300", 50.9378, 4.0410, 55),
        Town("Zottegem", "9620", 50.8696, 3.8105, 20),
        Town("Oudenaarde", "9700", 50.8447, 3.6047, 25),
    ),
    "antwerpen": (
        Town("Antwerpen", "2000", 51.2213, 4.4051, 150),
        Town("Mortsel", "2640", 51.1697, 4.4558, 26),
        Town("Schoten", "2900", 51.2525, 4.5027, 34),
        Town("Brasschaat", "2930", 51.2913, 4.4920, 38),
        Town("Boom", "2850", 51.0874, 4.3667, 18),
        Town("Mechelen", "2800", 51.0259, 4.4776, 65),
        Town("Lier", "2500", 51.1313, 4.5704, 36),
        Town("Heist-op-den-Berg", "2220", 51.0758, 4.7283, 30),
        Town("Herentals", "2200", 51.1766, 4.8325, 22),
        Town("Geel", "2440", 51.1621, 4.9909, 25),
        Town("Turnhout", "2300", 51.3225, 4.9447, 30),
    ),
    "west-vlaanderen": (
        Town("Brugge", "8000", 51.2093, 3.2247, 80),
        Town("Knokke-Heist", "8300", 51.3460, 3.2870, 20),
        Town("Oostende", "8400", 51.2245, 2.9150, 45),
        Town("Torhout", "8820", 51.0656, 3.1010, 20),
        Town("Roeselare", "8800", 50.9465, 3.1227, 62),
        Town("Izegem", "8870", 50.9146, 3.2137, 27),
        Town("Kortrijk", "8500", 50.8280, 3.2649, 75),
        Town("Waregem", "8790", 50.8888, 3.4263, 37),
        Town("Menen", "8930", 50.7956, 3.1200, 32),
        Town("Tielt", "8700", 50.9990, 3.3270, 20),
        Town("Ieper", "8900", 50.8514, 2.8857, 25),
        Town("Diksmuide", "8600", 51.0327, 2.8644, 16),
    ),
}
"""By territory of the sample catalogue, in the order in which territories get technicians."""


def draw_town(luck: random.Random, territory: str) -> Town:
    """A town of the territory, larger ones more often."""
    towns = TOWNS[territory]
    return luck.choices(towns, weights=[town.share for town in towns])[0]


def draw_address(luck: random.Random, town: Town) -> Address:
    """A made-up address in or near the town; coordinates to five places, about a metre."""

    def offset() -> float:
        return max(-_WIDEST_SPREAD_DEGREES, min(_WIDEST_SPREAD_DEGREES, luck.gauss(0, _TYPICAL_SPREAD_DEGREES)))

    # House numbers from 900 on do not occur in these streets, so nobody lives at a sample address.
    number = f"{luck.randrange(900, 1000)}{luck.choice(('', '', '', '', 'A', 'B'))}"
    return Address(
        luck.choice(_STREETS),
        number,
        town,
        round(town.latitude + offset(), 5),
        # A degree of longitude is shorter than one of latitude here, by the cosine of 51 degrees.
        round(town.longitude + offset() / 0.63, 5),
    )
