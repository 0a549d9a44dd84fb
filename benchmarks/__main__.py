"""`python -m benchmarks [NAME ...] [--quick]`: run the benchmarks named, all by default, then print one table."""

import argparse
import importlib
import time

from benchmarks import hub

# In the order they run. Each is imported when its turn comes: the Hugging Face libraries read the environment
# on import, and it must point at the stand-in by then.
MODULES = {
    "memory": "memory",
    "collecting": "collecting",
    "training": "training_speed",
    "stores": "stores",
    "superposition": "superposition",
    "quality": "quality",
    "features": "features",
    "peers": "peers",
}


def main() -> None:
    """Run the benchmarks named on the command line, all by default."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODULES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a fraction of the work, with rougher figures")
    options = parser.parse_args()
    unknown = set(options.names) - set(MODULES)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(MODULES)}")
    names = [name for name in MODULES if name in options.names or not options.names]
    if not set(names) <= {"training", "stores", "superposition", "features"}:
        hub.use_stand_in()

    from benchmarks import report

    rows, start = [], time.perf_counter()
    for name in names:
        rows += importlib.import_module(f"benchmarks.{MODULES[name]}").run(options.quick)
    print(report.table(rows))
    print(
        f"\n{report.machine()}. Contenders of a ratio take turns within one run; in brackets, the middle 80% of the turns."
    )
    report.note(f"took {(time.perf_counter() - start) / 60:.1f} minutes")


if __name__ == "__main__":
    main()
