"""GEOSEARCH and GEOSEARCHSTORE BYPOLYGON, as Valkey 9 documents them: against exact arithmetic over all places, and at the edges."""
import math
import random
from fractions import Fraction

import pytest

from tests.support.resp import ReplyError
from tests.support.seed import new_seed

pytestmark = pytest.mark.tessera_only

EARTH = 6372797.560856
SYNTAX = ReplyError("ERR syntax error")
TOO_FEW = ReplyError("ERR GEOSEARCH BYPOLYGON must have at least 3 vertices")
SQUARE = (0, 0, 10, 0, 10, 10, 0, 10)


@pytest.fixture
def control(standalone):
    with standalone.connect() as connection:
        connection.call("FLUSHALL")
        yield connection


def polygon(corners):
    return ("BYPOLYGON", len(corners), *(repr(part) for corner in corners for part in corner))


def inside(point, corners):
    """How many borders lie north of it: an odd number. (The server looks east.)"""
    x, y = (Fraction(part) for part in point)
    odd = False
    for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1]):
        ax, ay, bx, by = (Fraction(part) for part in (ax, ay, bx, by))
        if (ax > x) != (bx > x) and y < ay + (by - ay) * (x - ax) / (bx - ax):
            odd = not odd
    return odd


def distance(a, b):
    (lon1, lat1), (lon2, lat2) = ((math.radians(part) for part in point) for point in (a, b))
    u, v = math.sin((lat2 - lat1) / 2), math.sin((lon2 - lon1) / 2)
    return 2 * EARTH * math.asin(min(1.0, math.sqrt(u * u + math.cos(lat1) * math.cos(lat2) * v * v)))


def middle(corners):
    """The mean in space."""
    angles = [tuple(math.radians(part) for part in corner) for corner in corners]
    x, y, z = (sum(part) for part in zip(*((math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat)) for lon, lat in angles)))
    return math.degrees(math.atan2(y, x)), math.degrees(math.atan2(z, math.hypot(x, y)))


def add_places(client, key, places):
    for first in range(0, len(places), 500):
        client.call("GEOADD", key, *(word for i, (lon, lat) in enumerate(places[first:first + 500]) for word in (lon, lat, "p%d" % (first + i))))


def positions(client, key):
    """As they are stored: the middles of cells."""
    names = client.call("ZRANGE", key, 0, -1)
    return {name: tuple(float(part) for part in place) for name, place in zip(names, client.call("GEOPOS", key, *names))}


def random_polygon(rng):
    """Of any size and number of corners, convex or crossing itself, anywhere."""
    reach = 10 ** rng.uniform(-2, 2.3)
    lon, lat = rng.uniform(-180, 180), rng.uniform(-85, 85)
    corners = [(max(-180, min(180, lon + rng.uniform(-reach, reach))), max(-85, min(85, lat + rng.uniform(-reach, reach) / 2)))
               for _ in range(rng.choice((3, 3, 4, 5, 8, 20, 60)))]
    if rng.random() < 0.4:
        corners.sort(key=lambda corner: math.atan2(corner[1] - lat, corner[0] - lon))  # does not cross itself
    return corners


def random_places(rng, count):
    spots = [(rng.uniform(-180, 180), rng.uniform(-85, 85)) for _ in range(12)]
    return [(rng.uniform(-180, 180), rng.uniform(-85, 85)) if rng.random() < 0.6 else
            tuple(max(-most, min(most, part + rng.gauss(0, 0.5))) for part, most in zip(rng.choice(spots), (180, 85))) for _ in range(count)]


def check_search(client, places, corners, rng):
    by = polygon(corners)
    wanted = {name for name, place in places.items() if inside(place, corners)}
    found = client.call("GEOSEARCH", "g", *by)
    assert len(found) == len(set(found)) and set(found) == wanted, corners
    centre = middle(corners)
    away = {name: distance(places[name], centre) for name in wanted}
    for order in ("ASC", "DESC"):
        rows = client.call("GEOSEARCH", "g", *by, order, "WITHDIST", "WITHCOORD")
        assert {row[0] for row in rows} == wanted
        told = [float(row[1]) for row in rows]
        assert told == sorted(told, reverse=order == "DESC")
        for name, dist, place in rows:
            assert float(dist) == pytest.approx(away[name], rel=1e-9, abs=1e-3)
            assert tuple(float(part) for part in place) == places[name]
    count = rng.randint(1, len(wanted) + 2)
    nearest = client.call("GEOSEARCH", "g", *by, "COUNT", count, "WITHDIST")
    assert [float(row[1]) for row in nearest] == pytest.approx(sorted(away.values())[:count], rel=1e-9, abs=1e-3)
    some = client.call("GEOSEARCH", "g", *by, "COUNT", count, "ANY")
    assert len(some) == len(set(some)) == min(count, len(wanted)) and set(some) <= wanted
    assert client.call("GEOSEARCHSTORE", "stored", "g", *by) == len(wanted)
    assert set(client.call("ZRANGE", "stored", 0, -1)) == wanted
    assert client.call("GEOSEARCHSTORE", "stored", "g", *by, "STOREDIST") == len(wanted)
    scores = client.call("ZRANGE", "stored", 0, -1, "WITHSCORES")
    assert dict(zip(scores[::2], map(float, scores[1::2]))) == pytest.approx(away, rel=1e-9, abs=1e-3)
    return len(wanted)


def many_polygons(client, places, polygons, seed):
    print("seed", seed)
    rng = random.Random(seed)
    add_places(client, "g", random_places(rng, places))
    known = positions(client, "g")
    assert len(known) == places
    return sum(check_search(client, known, random_polygon(rng), rng) for _ in range(polygons))


def test_random_polygons(control):
    assert many_polygons(control, 600, 60, new_seed(31)) > 0


@pytest.mark.long
def test_many_random_polygons(control):
    assert many_polygons(control, 2000, 300, new_seed(31)) > 0


def test_the_documented_example(control):
    control.call("GEOADD", "Sicily", 13.361389, 38.115556, "Palermo", 15.087269, 37.502669, "Catania", 12.758489, 38.788135, "edge1", 17.241510, 38.788135, "edge2")
    by = ("BYPOLYGON", 5, "12.41098696654226", "38.05033923003755", "15.107936245794182", "38.00616649901906", "18.148439288534455", "38.63804787603499",
          "17.80831874257693", "39.50316813110968", "12.458468633214036", "38.57719533463012")
    assert control.call("GEOSEARCH", "Sicily", *by) == [b"Palermo", b"edge2"]
    assert control.call("GEOSEARCH", "Sicily", *by, "ASC", "WITHCOORD", "WITHDIST") == [
        [b"Palermo", b"166482.0159", [b"13.36138933897018433", b"38.11555639549629859"]],
        [b"edge2", b"180861.7725", [b"17.24151045083999634", b"38.78813451624225195"]]]


@pytest.mark.parametrize("proto", [2, 3])
def test_all_that_can_be_asked_for(control, proto):
    control.call("HELLO", proto)
    control.call("GEOADD", "g", 5, 5, "a")
    score = int(float(control.call("ZSCORE", "g", "a")))
    place = control.call("GEOPOS", "g", "a")[0]
    row = control.call("GEOSEARCH", "g", "WITHHASH", "bypolygon", 4, *SQUARE, "WITHCOORD", "desc", "withdist")[0]
    assert (row[0], row[2], row[3]) == (b"a", score, place)
    assert float(row[1]) == pytest.approx(distance(tuple(map(float, place)), middle(list(zip(SQUARE[::2], SQUARE[1::2])))), abs=1e-3)
    assert control.call("GEOSEARCHSTORE", "d", "g", "BYPOLYGON", 4, *SQUARE) == 1
    assert int(float(control.call("ZSCORE", "d", "a"))) == score


def test_errors(control):
    control.call("GEOADD", "g", 5, 5, "a")
    control.call("SET", "s", "text")
    pair = ReplyError("ERR invalid longitude,latitude pair 190.000000,0.000000")
    for words, error in (
            (("BYPOLYGON", 2, 0, 0, 10, 0, "ASC"), TOO_FEW), (("BYPOLYGON", 0, "ASC", "WITHDIST", "WITHHASH"), TOO_FEW),
            (("BYPOLYGON", -3, *SQUARE), TOO_FEW), (("BYPOLYGON", "x", *SQUARE), TOO_FEW),
            (("BYPOLYGON", 5, *SQUARE), SYNTAX), (("BYPOLYGON", 4611686018427387905, *SQUARE), SYNTAX),
            (("BYPOLYGON", 9223372036854775807, *SQUARE), SYNTAX), (("BYPOLYGON", 3, *SQUARE), SYNTAX),
            (("BYPOLYGON", 3, 190, 0, 10, 0, 10, 10), pair), (("BYPOLYGON", 3, 0, 0, 10, "x", 10, 10), ReplyError("ERR value is not a valid float")),
            (("FROMLONLAT", 5, 5, "BYPOLYGON", 4, *SQUARE), SYNTAX), (("BYPOLYGON", 4, *SQUARE, "FROMLONLAT", 5, 5), SYNTAX),
            (("FROMMEMBER", "a", "BYPOLYGON", 4, *SQUARE), SYNTAX), (("BYPOLYGON", 4, *SQUARE, "FROMMEMBER", "a"), SYNTAX),
            (("BYPOLYGON", 4, *SQUARE, "BYPOLYGON", 4, *SQUARE), SYNTAX), (("BYPOLYGON", 4, *SQUARE, "BYBOX", 1, 1, "km"), SYNTAX),
            (("BYBOX", 1, 1, "km", "BYPOLYGON", 4, *SQUARE), SYNTAX), (("BYPOLYGON", 4, *SQUARE, "BYRADIUS", 1, "km"), SYNTAX),
            (("BYRADIUS", 1, "km", "BYPOLYGON", 4, *SQUARE), SYNTAX),
            (("BYPOLYGON", 4, *SQUARE, "ANY"), ReplyError("ERR the ANY argument requires COUNT argument")),
            (("BYPOLYGON", 4, *SQUARE, "COUNT", 0), ReplyError("ERR COUNT must be > 0")), (("BYPOLYGON", 4, *SQUARE, "km"), SYNTAX)):
        assert control.call("GEOSEARCH", "g", *words) == error, words
        assert control.call("GEOSEARCHSTORE", "d", "g", *words) == error, words
    assert control.call("GEOSEARCH", "g", "BYPOLYGON", 4, *SQUARE, "STOREDIST") == SYNTAX
    incompatible = ReplyError("ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options")
    assert control.call("GEOSEARCHSTORE", "d", "g", "BYPOLYGON", 4, *SQUARE, "WITHDIST") == incompatible
    assert isinstance(control.call("GEORADIUS", "g", 5, 5, 1, "km", "BYPOLYGON", 4, *SQUARE), ReplyError)
    assert control.call("GEOSEARCH", "s", "BYPOLYGON", 4, *SQUARE) == ReplyError("WRONGTYPE Operation against a key holding the wrong kind of value")
    assert control.call("EXISTS", "d") == 0


def test_nothing_found(control):
    control.call("GEOADD", "g", 50, 50, "a")
    for source in ("g", "none"):
        control.call("SET", "d", "text")
        assert control.call("GEOSEARCH", source, "BYPOLYGON", 4, *SQUARE) == []
        assert control.call("GEOSEARCHSTORE", "d", source, "BYPOLYGON", 4, *SQUARE) == 0
        assert control.call("EXISTS", "d") == 0
    # Corners on one line, and in one point, hold nothing.
    control.call("GEOADD", "g", 5, 5, "b")
    lon, lat = (repr(part) for part in positions(control, "g")[b"b"])
    assert control.call("GEOSEARCH", "g", "BYPOLYGON", 3, lon, 0, lon, 7, lon, 10) == []
    assert control.call("GEOSEARCH", "g", "BYPOLYGON", 3, lon, lat, lon, lat, lon, lat) == []


def test_places_on_borders_and_corners(control):
    """A border belongs to what lies east or north of it: of polygons side by side exactly one has each place."""
    add_places(control, "g", [(lon, lat) for lon in range(20, 27) for lat in range(30, 37)])
    places = positions(control, "g")
    lines = [sorted({place[i] for place in places.values()}) for i in (0, 1)]
    assert [len(line) for line in lines] == [7, 7]
    owners = dict.fromkeys(places, 0)
    for west, east in zip(lines[0], lines[0][1:]):
        for south, north in zip(lines[1], lines[1][1:]):
            found = control.call("GEOSEARCH", "g", *polygon([(west, south), (east, south), (east, north), (west, north)]))
            assert [places[name] for name in found] == [(west, south)]
            owners[found[0]] += 1
            # Two triangles of a square share its diagonal.
            halves = [control.call("GEOSEARCH", "g", *polygon(corners)) for corners in
                      ([(west, south), (east, south), (east, north)], [(west, south), (east, north), (west, north)])]
            assert sorted(halves[0] + halves[1]) == found
    assert set(owners.values()) == {0, 1} and sum(owners.values()) == 36


def test_the_date_line(control):
    """Corners are points of a map from -180 to 180: a polygon does not go over its edge, but two may meet there. What lies at 180 lies
    on an eastern border, which is outside."""
    control.call("GEOADD", "g", 179.5, 1, "east", -179.5, 1, "west", 0, 1, "middle", 180, 0, "edge", -180, 0, "other edge")
    around = ("BYPOLYGON", 4, 170, -10, -170, -10, -170, 10, 170, 10)
    assert control.call("GEOSEARCH", "g", *around) == [b"middle"]
    assert control.call("GEOSEARCH", "g", "BYPOLYGON", 4, 170, -10, 180, -10, 180, 10, 170, 10, "ASC") == [b"east"]
    assert set(control.call("GEOSEARCH", "g", "BYPOLYGON", 4, -180, -10, -170, -10, -170, 10, -180, 10)) == {b"west", b"other edge"}
    whole = ("BYPOLYGON", 4, -180, -85, 180, -85, 180, 85, -180, 85)
    assert sorted(control.call("GEOSEARCH", "g", *whole)) == [b"east", b"middle", b"other edge", b"west"]
    for lon in (180.1, -180.1):
        error = ReplyError("ERR invalid longitude,latitude pair %f,0.000000" % lon)
        assert control.call("GEOSEARCH", "g", "BYPOLYGON", 3, 170, -10, lon, 0, 170, 10) == error
