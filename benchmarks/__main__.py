"""`python -m benchmarks [NAME ...] [--quick] [--save DIRECTORY]`: run the benchmarks named, all by default.

Prints one table of what was run. The directory, build/benchmarks by default, keeps the results of every benchmark:
those that ran now replace their earlier ones there, and the rest stay.
"""

import argparse
import importlib
import time
from pathlib import Path

from benchmarks import hub

# In the order they run. Each is imported when its turn comes: the Hugging Face libraries read the environment
# on import, and it must point at the stand-in by then.
MODULES = {
    "memory": "memory",
    "collecting": "collecting",
    "training": "training_speed",
    "stores": "stores",
    "superposition": "superposition",
    "transcoder": "transcoder",
    "quality": "quality",
    "defaults": "defaults",
    "features": "features",
    "steering": "steering",
    "peers": "peers",
    "gpu": "gpu",
}


def main() -> None:
    """Run the benchmarks named on the command line, all by default."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(MODULES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a fraction of the work, with rougher figures")
    parser.add_argument(
        "--save", type=Path, default=hub.CHECKOUT / "build" / "benchmarks", metavar="DIRECTORY"
    )
    options = parser.parse_args()
    unknown = set(options.names) - set(MODULES)
    if unknown:
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}; choose from {', '.join(MODULES)}")
    names = [name for name in MODULES if name in options.names or (not options.names and name != "gpu")]
    if not set(names) <= {
        "training",
        "transcoder",
        "stores",
        "superposition",
        "features",
        "steering",
        "defaults",
        "peers",
        "gpu",
    }:
        hub.use_stand_in()

    from benchmarks import report, results

    rows = []
    for name in names:
        start = time.perf_counter()
        new = importlib.import_module(f"benchmarks.{MODULES[name]}").run(options.quick)
        minutes = (time.perf_counter() - start) / 60
        report.note(f"{name} took {minutes:.1f} minutes")
        results.save(options.save, name, new, minutes, options.quick)
        rows += new
    print(report.table(rows))
    print(f"\n{report.machine()}. {results.TURNS}")


if __name__ == "__main__":
    main()
