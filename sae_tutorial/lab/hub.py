"""The Hugging Face hub: whether it answers, and loading from it or from its local cache."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

HUB_MODEL, HUB_TEXTS, HUB_SPLIT = "gpt2", "fancyzhx/ag_news", "train[:10%]"
HUB_TIMEOUT_SECONDS = 8


@contextmanager
def loading_from_hub() -> Iterator[None]:
    """Load GPT-2 and AG News inside; what goes wrong becomes a ConnectionError that names the cure."""
    cached = hub_is_cached()
    if not cached and not hub_answers():
        raise ConnectionError(
            f"the Hugging Face hub did not answer within {HUB_TIMEOUT_SECONDS} s and its cache holds no GPT-2 with "
            "AG News; connect to the internet, set HF_HOME to a filled cache, or open_lab('offline')."
        )
    try:
        # Without the first, each file of a cached model costs a round of retries where there is no network.
        with _cache_only() if cached else nullcontext():
            yield
    except Exception as error:  # the hub's libraries raise a dozen types for "could not be fetched"
        raise ConnectionError(
            f"GPT-2 or AG News could not be loaded ({type(error).__name__}: {error}); "
            "try again, or open_lab('offline')."
        ) from error


def hub_is_cached() -> bool:
    """True if all that the lab needs of model and texts is in the local cache."""
    from datasets.config import HF_DATASETS_CACHE
    from huggingface_hub import try_to_load_from_cache

    def cached(*alternatives: str) -> bool:
        return any(isinstance(try_to_load_from_cache(HUB_MODEL, name), str) for name in alternatives)

    texts = Path(HF_DATASETS_CACHE) / HUB_TEXTS.replace("/", "___")
    return (
        cached("config.json")
        and cached("model.safetensors", "pytorch_model.bin")
        and cached("tokenizer.json", "vocab.json")
        and any(texts.rglob("*-train*.arrow"))
    )


def hub_answers() -> bool:
    """One request, given up after HUB_TIMEOUT_SECONDS whatever hangs (name service, proxy, server)."""
    import httpx
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    answers: list[bool] = []

    def ask() -> None:
        try:
            reply = httpx.head(f"{constants.ENDPOINT}/{HUB_MODEL}/resolve/main/config.json", timeout=2)
            answers.append(reply.status_code < 400)
        except httpx.HTTPError:
            answers.append(False)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(HUB_TIMEOUT_SECONDS)
    return any(answers)


@contextmanager
def _cache_only() -> Iterator[None]:
    import datasets.config
    from huggingface_hub import constants

    modules = (constants, datasets.config)
    before = [module.HF_HUB_OFFLINE for module in modules]
    for module in modules:
        module.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        for module, value in zip(modules, before, strict=True):
            module.HF_HUB_OFFLINE = value
