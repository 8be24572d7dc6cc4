"""Tables as people have them, for tests."""

import random

ISLANDS = {"Adelie": ("Torgersen", "Biscoe", "Dream"), "Chinstrap": ("Dream",), "Gentoo": ("Biscoe",)}
MEANS = {
    "Adelie": (38.8, 18.3, 190, 3700),
    "Chinstrap": (48.8, 18.4, 196, 3730),
    "Gentoo": (47.5, 15.0, 217, 5080),
}
COLUMNS = "species,island,bill_length_mm,bill_depth_mm,flipper_length_mm,body_mass_g,sex,year"


def penguins(n_rows=120):
    """A CSV of the shape of palmerpenguins: text, and cells that are missing."""
    draw = random.Random(0)
    lines = [COLUMNS]
    for row in range(n_rows):
        species = list(MEANS)[row % 3]
        length, depth, flipper, mass = MEANS[species]
        cells = [species, draw.choice(ISLANDS[species])]
        cells += [f"{draw.gauss(length, 2):.1f}", f"{draw.gauss(depth, 0.8):.1f}"]
        cells += [f"{draw.gauss(flipper, 5):.0f}", f"{draw.gauss(mass, 300):.0f}"]
        cells += [draw.choice(("male", "female")), str(draw.choice((2007, 2008, 2009)))]
        if row % 40 == 3:
            cells[2:7] = ["NA"] * 5
        elif row % 30 == 7:
            cells[6] = "NA"
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"
