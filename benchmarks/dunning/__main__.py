"""`python -m benchmarks.dunning`: all policies in the base world on the training seeds, for whoever tunes a policy.

The report (`python -m benchmarks dunning`) is made on other seeds and in other worlds, which nobody tunes to.
"""

from benchmarks.dunning import tables
from benchmarks.dunning.contest import TRAINING, rounds
from benchmarks.dunning.standings import Standings
from benchmarks.dunning.worlds import BASE

if __name__ == "__main__":
    standings = Standings(list(rounds(TRAINING, [BASE])))
    for line in (*tables.of_policies(standings), "", *tables.of_worlds({BASE: standings})):
        print(line)
