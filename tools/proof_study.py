#!/usr/bin/env python3
"""The figures of docs/decisions/0011: how the tests of `rmrl train --until` were chosen, and what they prove.

    python3 tools/proof_study.py bets     which bets, and how many single tests: simulated policies (NumPy, 2 minutes)
    python3 tools/proof_study.py false    how often a false claim is proven: simulated policies (NumPy)
    python3 tools/proof_study.py cells target/release/rmrl OUT     the five laboratories (about 8 minutes)
"""
import json
import math
import pathlib
import subprocess
import sys

CLAIMED = 0.95
TRIALS = 300
PROVEN = 20.0
# How often the policies of five laboratories missed 1 mm after so many trials: hindsight's curves, smoothed.
LABORATORIES = {
    0: [(0, 0.9), (60, 0.1), (100, 0.02), (150, 0.002), (300, 0.001)],
    1: [(0, 0.9), (60, 0.14), (100, 0.05), (150, 0.02), (220, 0.006), (300, 0.004)],
    2: [(0, 0.95), (60, 0.25), (100, 0.10), (150, 0.04), (220, 0.03), (300, 0.02)],
    4: [(0, 0.95), (60, 0.07), (100, 0.04), (150, 0.02), (220, 0.018), (300, 0.01)],
    5: [(0, 0.95), (60, 0.14), (100, 0.045), (150, 0.025), (220, 0.018), (300, 0.01)],
}
# Bets on a share of the misses that are allowed, with the share of the evidence that each has.
BETS = {
    "0.8 on a tenth, 0.2 kept": ([0.1, 1], [0.8, 0.2]),
    "all on a fifth": ([0.2], [1]),
    "half on no miss, half on two fifths": ([0.05, 0.4], [0.5, 0.5]),
    "all on three tenths": ([0.3], [1]),
}


def missed(laboratory, learned):
    """The probability of a miss after so many trials that were learned from."""
    points = LABORATORIES[laboratory]
    for (start, before), (end, after) in zip(points, points[1:]):
        if learned <= end:
            share = (learned - start) / (end - start)
            return math.exp(math.log(before) * (1 - share) + math.log(after) * share)
    return points[-1][1]


def gains(bets):
    """What a test that held multiplies each bet's evidence by; a miss multiplies it by the bet."""
    return [(1 - bet * (1 - CLAIMED)) / CLAIMED for bet in bets]


def least_tests(evidence, bets, shares):
    """How many tests without a miss prove the claim."""
    for tests in range(1, 2000):
        if sum(evidence * share * gain**tests for share, gain in zip(shares, gains(bets))) >= PROVEN:
            return tests
    return 2000


def trials_to_proof(random, laboratory, bets, shares, held_before_series, after=60):
    """After how many trials a run proves its claim; more than TRIALS if it does not."""
    trials, evidence, held, learned, is_series, is_due = 0, 1.0, 0, 0, False, False
    least = least_tests(evidence, bets, shares)
    while trials < TRIALS:
        left = TRIALS - trials
        is_ready = held >= held_before_series or left < least + 3
        if not is_series and trials >= after and is_ready and left >= least:
            is_series, at_stake = True, [evidence * share for share in shares]
        trials += 1
        if is_series:
            holds = random.random() > missed(laboratory, learned)
            at_stake = [e * (g if holds else b) for e, g, b in zip(at_stake, gains(bets), bets)]
            if sum(at_stake) >= PROVEN:
                return trials
            if sum(at_stake) < evidence:
                evidence, is_series, learned, held, is_due = sum(at_stake), False, trials, 0, False
                least = least_tests(evidence, bets, shares)
            continue
        if is_due and trials > after:
            held = held + 1 if random.random() > missed(laboratory, learned) else 0
        is_due = not is_due
        learned = trials
    return TRIALS + 1


def study_of_bets():
    import numpy

    random = numpy.random.default_rng(3)
    print("mean share proven within 300 trials, 400 runs of each of five laboratories")
    for name, (bets, shares) in BETS.items():
        for held in (10, 15, 20, 30, 40):
            proven = [
                trials_to_proof(random, laboratory, bets, shares, held) <= TRIALS
                for laboratory in LABORATORIES
                for _ in range(400)
            ]
            print(f"{name}, {held} single tests: {sum(proven) / len(proven):.2f}")


def study_of_false_proofs(policies=10_000):
    import numpy

    random = numpy.random.default_rng(7)
    for claimed in (0.9, 0.95, 0.99):
        for good in (0, 0.5):
            # Each series has a policy of its own: at the border, or half as bad.
            draw = lambda: numpy.where(random.random(policies) < good, (1 + claimed) / 2, claimed)
            holds, evidence = draw(), numpy.ones(policies)
            split = lambda evidence: numpy.stack([0.8 * evidence, 0.2 * evidence], 1)
            at_stake = split(evidence)
            is_wrong, is_done = numpy.zeros(policies, bool), numpy.zeros(policies, bool)
            gain, loss = numpy.array([(1 - 0.1 * (1 - claimed)) / claimed, 1.0]), numpy.array([0.1, 1.0])
            for _ in range(TRIALS):
                held = random.random(policies) < holds
                at_stake *= numpy.where(held[:, None], gain, loss)
                proven = (at_stake.sum(1) >= PROVEN) & ~is_done
                is_wrong |= proven & (holds <= claimed)
                is_done |= proven
                failed = (at_stake.sum(1) < evidence) & ~is_done
                evidence = numpy.where(failed, at_stake.sum(1), evidence)
                at_stake = numpy.where(failed[:, None], split(evidence), at_stake)
                holds = numpy.where(failed, draw(), holds)
            print(f"{claimed:.0%}, {good:.0%} good policies: {is_wrong.mean():.2%} false proofs")


def study_of_cells(rmrl, out):
    for seed in LABORATORIES:
        run = out / f"seed{seed}"
        command = [rmrl, "train", "--until", "1.0mm@95%", "--method", "hindsight", "--trials", str(TRIALS)]
        ended = subprocess.run([*command, "--seed", str(seed), "--out", run], capture_output=True, text=True)
        if ended.returncode not in (0, 3):
            print(f"seed {seed}: {ended.stderr.strip().splitlines()[-1]}")
            continue
        lines = [json.loads(line) for line in ended.stdout.splitlines()]
        proof = lines[-1]["proof"]
        evaluated = subprocess.run([rmrl, "eval", run, "--trials", "200"], capture_output=True, text=True, check=True)
        held = json.loads(evaluated.stdout)["as_claimed"]["held"]
        print(f"seed {seed}: proven at {proof['proven_at']}, {proof['tests']} tests; {proof['progress']}; {held} of 200 new placements")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["bets"]:
            study_of_bets()
        case ["false"]:
            study_of_false_proofs()
        case ["cells", rmrl, out]:
            study_of_cells(rmrl, pathlib.Path(out))
        case _:
            sys.exit(__doc__)
