"""A schedule is a seed and the numbers of the steps that are taken. Every step draws its chances from its own number, so a step can be
left out and the others stay what they are: that is how a schedule that fails is made short."""
from chance import Chance
from instance import Violation
from world import World


def steps_of(seed):
    return list(range(Chance(seed).between(60, 320)))


def run(seed, plant=None, steps=None, **more):
    """The violation (None: all held) and the world afterwards."""
    world = World(seed, plant, **more)
    try:
        for step in steps_of(seed) if steps is None else steps:
            world.random.seed(seed * 1000 + step)
            world.step()
        world.random.seed(seed)
        world.rest()
    except Violation as violation:
        return violation, world
    return None, world


def shrink(seed, plant=None, **more):
    """The shortest schedule found by leaving steps out that still ends in a violation of the same kind."""
    kind = run(seed, plant, **more)[0].kind
    steps = steps_of(seed)
    size = len(steps) // 2
    while size:
        at, shorter = 0, False
        while at < len(steps):
            fewer = steps[:at] + steps[at + size:]
            violation, _ = run(seed, plant, fewer, **more)
            if violation is not None and violation.kind == kind:
                steps, shorter = fewer, True
            else:
                at += size
        if size == 1 and shorter:
            continue
        size //= 2
    return steps, kind
