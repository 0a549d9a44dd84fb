"""GPT-2's architecture and AG News without a network: a stand-in for the Hugging Face hub, filled once.

The stand-in holds GPT-2 small with random weights, which is as fast and as large as the trained one. Speed and
memory are all that is measured with it.
"""

import os
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT_MAKER = CHECKOUT.parent / "shared" / "hub" / "make_hub_cache.py"
MODEL, TEXTS = "gpt2", "fancyzhx/ag_news"


def use_stand_in() -> None:
    """Point the Hugging Face libraries at the stand-in; call this before any of them is imported.

    A HF_HOME that is set with HF_HUB_OFFLINE=1 is taken to be filled already. Otherwise the script that HUB_STANDIN
    names fills build/hub, unless it has been filled before.

    Raises:
        SystemExit: the script is not there or failed.
    """
    if not (os.environ.get("HF_HOME") and os.environ.get("HF_HUB_OFFLINE") == "1"):
        home = CHECKOUT / "build" / "hub"
        if not (home / "filled").exists():
            _fill(home)
        os.environ |= {"HF_HOME": str(home), "HF_HUB_OFFLINE": "1"}
    os.environ |= {"HF_DATASETS_OFFLINE": "1", "TQDM_DISABLE": "1"}


def _fill(home: Path) -> None:
    maker = Path(os.environ.get("HUB_STANDIN", DEFAULT_MAKER))
    if not maker.is_file():
        raise SystemExit(
            f"The benchmarks need GPT-2's architecture and AG News. There is no {maker} to lay them out; set "
            "HUB_STANDIN to a script that fills the directory given to it as a Hugging Face cache, or set HF_HOME "
            "to a filled cache together with HF_HUB_OFFLINE=1. `python -m benchmarks training features` needs neither."
        )
    print(f"filling {home} with {maker.name}, once: about a minute", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, str(maker), str(home)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{maker} failed:\n{done.stderr[-2000:]}")
    (home / "filled").touch()


def load_texts() -> list[str]:
    """All articles of the stand-in."""
    from datasets import load_dataset

    return list(load_dataset(TEXTS, split="train")["text"])
