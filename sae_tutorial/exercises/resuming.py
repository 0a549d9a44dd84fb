"""Checks for notebook 06, the loop that can be stopped: a run that goes on from a saved state, once or twice, ends with the bits of one that never stopped."""

from collections.abc import Callable, Collection
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from sae_tutorial.exercises.matching import Mistakes, read_tensor
from sae_tutorial.exercises.reporting import Exercise, LearnerError, WrongAnswer, call

Weights = list[Tensor]
Start = Callable[[], tuple[Weights, torch.optim.Optimizer]]
OneStep = Callable[[Weights, torch.optim.Optimizer], None]
State = dict[str, Any]
TrainUntil = Callable[[int, State | None, Start, OneStep], tuple[Weights, State]]

_STOP, _LAST = 4, 9


def check_train_until(train_until: TrainUntil) -> None:
    """Exercise 6.7: `train_until(last, saved, start, one_step)`, a loop that goes on where a saved state says it was stopped."""
    exercise = Exercise(
        "6.7",
        "write the body of `train_until`.",
        "the section 'Two ways of stopping', on what a run needs to go on",
        "a run of yours can be stopped and go on, and ends with the same bits. Try it on the loop above, in the next cell.",
    )
    exercise.check(_judge_train_until, train_until)


class _Bench:
    """A tiny run: two weights, Adam, and batches that the global generator draws. Counts its steps."""

    def __init__(self) -> None:
        self.rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
        self.n_steps = 0

    def start(self) -> tuple[Weights, torch.optim.Optimizer]:
        torch.manual_seed(0)
        weights = [torch.randn(3, 3).requires_grad_(), torch.zeros(3).requires_grad_()]
        return weights, torch.optim.Adam(weights, lr=0.05)

    def one_step(self, weights: Weights, adam: torch.optim.Optimizer) -> None:
        self.n_steps += 1
        W, b = weights
        x = self.rows[torch.randint(len(self.rows), (4,))]
        loss = (x - (x @ W + b).relu()).pow(2).mean()
        adam.zero_grad()
        loss.backward()
        adam.step()

    def __repr__(self) -> str:
        return "a small run"


def _train_until(
    last: int,
    saved: State | None,
    start: Start,
    one_step: OneStep,
    *,
    without: Collection[str] = (),
) -> tuple[Weights, State]:
    """The reference. `without` names what is left out when the run goes on, for the mistakes below."""
    weights, adam = start()
    done = 0
    if saved is not None:
        if "step" not in without:
            done = saved["step"]
        if "weights" not in without:
            with torch.no_grad():
                for weight, value in zip(weights, saved["weights"], strict=True):
                    weight.copy_(value)
        if "adam" not in without:
            # A copy: Adam goes on with the very tensors it is given, and would write into the saved ones.
            adam.load_state_dict(deepcopy(saved["adam"]))
        if "generator" not in without:
            torch.set_rng_state(saved["generator"])
    for _ in range(done, last):
        one_step(weights, adam)
    return weights, _state(last, weights, adam)


def _state(step: int, weights: Weights, adam: torch.optim.Optimizer) -> State:
    return {
        "step": step,
        "weights": weights,
        "adam": adam.state_dict(),
        "generator": torch.get_rng_state(),
    }


def _forgetting(*without: str) -> TrainUntil:
    return lambda last, saved, start, one_step: _train_until(last, saved, start, one_step, without=without)


def _one_step_late(last: int, saved: State | None, start: Start, one_step: OneStep) -> tuple[Weights, State]:
    """The state names the step that comes next, and the loop adds one to it."""
    weights, state = _train_until(last, saved, start, one_step)
    return weights, state | {"step": last + 1}


def _with_new_tensors(
    last: int, saved: State | None, start: Start, one_step: OneStep
) -> tuple[Weights, State]:
    """The list holds what was saved, and Adam goes on moving the tensors of the start."""
    weights, adam = start()
    done = 0
    if saved is not None:
        weights, done = saved["weights"], saved["step"]
        adam.load_state_dict(deepcopy(saved["adam"]))
        torch.set_rng_state(saved["generator"])
    for _ in range(done, last):
        one_step(weights, adam)
    return weights, _state(last, weights, adam)


_RESUME_MISTAKES: Mistakes = [
    (
        _forgetting("step"),
        "all steps were done again after the stop. Save how many are done, and begin the loop there.",
    ),
    (
        _one_step_late,
        "a step is left out at every stop: save the number of steps that are *done*, and do the rest.",
    ),
    (
        _forgetting("weights", "adam", "generator"),
        "after the stop the loop begins at the right step, but with the weights of a new start: nothing else was put back.",
    ),
    (
        _forgetting("weights"),
        "the weights after the stop are those of a new start. Copy the saved ones into them.",
    ),
    (
        _forgetting("adam", "generator"),
        "only the weights went on. Adam has a memory of past gradients (`adam.state_dict()`), and the generator, which draws "
        "the batches, a state of its own (`torch.get_rng_state()`).",
    ),
    (
        _forgetting("adam"),
        "Adam begins without its memory of past gradients: save `adam.state_dict()` and hand it to `adam.load_state_dict`.",
    ),
    (
        _forgetting("generator"),
        "the rows drawn after the stop are not those that the unbroken run draws: save `torch.get_rng_state()`, and hand it to "
        "`torch.set_rng_state` after `start()`, which seeds the generator anew.",
    ),
    (
        _with_new_tensors,
        "your list holds new tensors after the stop, and Adam still moves those of `start()`. Copy the saved values into the old "
        "tensors, as `weight.data.copy_(saved)` does.",
    ),
]


def _judge_train_until(answer: Any) -> None:
    unbroken, n_steps, _ = _run(answer, [_LAST])
    right, _, _ = _run(_train_until, [_LAST])
    if n_steps != [_LAST]:
        raise WrongAnswer(
            f"with nothing saved, {n_steps[0]} steps are done where `last` is {_LAST}. Call `one_step(weights, adam)` once for each step."
        )
    if not _equal(unbroken, right):
        raise WrongAnswer(
            "a run that never stops ends with other weights than the plain loop: `start()` once, then the steps, nothing else."
        )
    for stops in ([_STOP, _LAST], [2, _STOP, _LAST]):
        resumed, n_steps, saved = _run(answer, stops)
        if _equal(resumed, right) and sum(n_steps) == _LAST:
            _judge_second_time(answer, saved, right)
            continue
        for mistake, message in _RESUME_MISTAKES:
            result, n_wrong, _ = _run(mistake, stops)
            if _equal(resumed, result) and n_steps == n_wrong:
                raise WrongAnswer(message)
        if sum(n_steps) != _LAST:
            raise WrongAnswer(
                f"stopped at step {stops[-2]}, it does {n_steps[-1]} steps more where {_LAST - stops[-2]} are left. How many are done "
                "stands in `saved`, if you put it there: is it read?"
            )
        raise WrongAnswer(
            f"stopped at step {stops[-2]}, it does not end with the bits of the run that never stopped. Is all of the state "
            "returned, the newest one, and put back before the first step?"
        )


def _judge_second_time(answer: Any, saved: Any, right: Weights) -> None:
    """Go on once more from the state that the last call went on from."""
    try:
        weights, _, n_steps = _one_call(answer, _LAST, saved)
        same = n_steps == _LAST - _STOP and _equal(_values(weights), right)
    except LearnerError:  # the first time it ran
        same = False
    if not same:
        raise WrongAnswer(
            "a run that goes on from a saved state ends with the right bits, and a second one from the same state does not: "
            "going on has changed the saved state. Copy what you take out of it, as `copy.deepcopy` does."
        )


class _Saved:
    """A state on its way to the learner's function: `call` would copy the tensors in a list."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def __repr__(self) -> str:
        return "None" if self.state is None else "a saved state"


def _run(train_until: Any, stops: list[int]) -> tuple[Weights, list[int], Any]:
    """The weights after the last stop, how many steps each call made, and the state that the last one went on from."""
    counts: list[int] = []
    saved = newest = None
    for stop in stops:
        saved = newest
        weights, newest, n_steps = _one_call(train_until, stop, saved)
        counts.append(n_steps)
    return _values(weights), counts, saved


def _one_call(train_until: Any, stop: int, saved: Any) -> tuple[Any, Any, int]:
    """The weights, the state and the number of steps; every call is a new process but for the state, which is not copied."""

    def unpacked(last: int, held: _Saved, start: Start, one_step: OneStep) -> Any:
        return train_until(last, held.state, start, one_step)

    bench = _Bench()
    function = unpacked if callable(train_until) else train_until
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(77 + stop)  # what a new process has drawn before
        returned = call(function, stop, _Saved(saved), bench.start, bench.one_step)
    if not isinstance(returned, tuple) or len(returned) != 2:
        raise WrongAnswer("return two things: the list of weights, and the state.")
    weights, state = returned
    if not isinstance(weights, list | tuple) or len(weights) != 2:
        raise WrongAnswer("the first thing to return is the list of weights that `start()` gave you.")
    if state is None:
        raise WrongAnswer("the state that you return is None: put into it what a later call will need.")
    return weights, state, bench.n_steps


def _values(weights: Any) -> Weights:
    """Copies, which a later call cannot change."""
    return [read_tensor(weight).clone() for weight in weights]


def _equal(one: Weights, other: Weights) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# The notebook goes on with it.
PARTS = {"train_until": (_judge_train_until, _train_until, tuple)}
