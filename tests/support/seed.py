"""The seed of a randomized test: TESSERA_SEED repeats a run, test by test; without it, chance."""
import os
import random


def new_seed(bits=31):
    given = os.environ.get("TESSERA_SEED")
    chance = random.Random(given + os.environ.get("PYTEST_CURRENT_TEST", "")) if given else random.SystemRandom()
    return chance.randrange(1, 1 << bits)
