"""A small source of chance: the same on every Python, and quick to set, which every step does."""

PRIME = 2**31 - 1


class Chance:
    def __init__(self, number=0):
        self.seed(number)

    def seed(self, number):
        """Numbers that lie side by side give sequences that have nothing to do with each other."""
        x = number * 0x9E3779B1 + 0x7F4A7C15 & PRIME
        x = (x ^ x >> 15) * 0x2C1B3C6D & PRIME
        x = (x ^ x >> 12) * 0x297A2D39 & PRIME
        self.state = (x ^ x >> 15) % (PRIME - 1) + 1

    def random(self):
        """From 0 up to, and without, 1."""
        self.state = self.state * 48271 % PRIME
        return (self.state - 1) / (PRIME - 1)

    def below(self, bound):
        return int(self.random() * bound)

    def between(self, first, last):
        return first + int(self.random() * (last - first + 1))

    def choice(self, what):
        return what[int(self.random() * len(what))]
