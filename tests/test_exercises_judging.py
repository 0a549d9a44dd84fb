"""Answers to the exercises on the game of notebook 07: right ones written in several ways, and plausible wrong ones."""

import numpy as np
import torch
from answers import Right, Wrong, ways_to_return
from sklearn.metrics import balanced_accuracy_score, f1_score


def by_masks(truth, answers):
    return (answers[truth].float().mean() + (~answers)[~truth].float().mean()) / 2


def by_counting(truth, answers):
    right = {True: 0, False: 0}
    for true, yes in zip(truth.tolist(), answers.tolist(), strict=True):
        right[true] += true == yes
    n_true = int(truth.sum())
    return 0.5 * (right[True] / n_true + right[False] / (len(truth) - n_true))


def by_products(truth, answers):
    t, a = truth.double(), answers.double()
    return ((t * a).sum() / t.sum() + ((1 - t) * (1 - a)).sum() / (1 - t).sum()) / 2


def by_rates(truth, answers):
    hits, false_alarms = answers[truth].double().mean(), answers[~truth].double().mean()
    return 0.5 + (hits - false_alarms) / 2


def by_a_library(truth, answers):
    return balanced_accuracy_score(np.asarray(truth), np.asarray(answers))


def precision(truth, answers):
    return (truth & answers).sum() / answers.sum()


RIGHT: Right = [
    *(("balanced_accuracy", (way,)) for way in ways_to_return(by_masks)),
    ("balanced_accuracy", (by_counting,)),
    ("balanced_accuracy", (by_products,)),
    ("balanced_accuracy", (by_rates,)),
    ("balanced_accuracy", (by_a_library,)),
]

WRONG: Wrong = [
    ("balanced_accuracy", (lambda t, a: (t == a).float().mean(),), "this is accuracy"),
    ("balanced_accuracy", (lambda t, a: (t & a).sum() / t.sum(),), "always says yes gets 1"),
    ("balanced_accuracy", (lambda t, a: (~t & ~a).sum() / (~t).sum(),), "never says yes gets 1"),
    ("balanced_accuracy", (lambda t, a: (t & a).sum() / a.sum(),), "precision"),
    ("balanced_accuracy", (lambda t, a: by_masks(a, t),), "divide by what was said"),
    ("balanced_accuracy", (lambda t, a: (precision(t, a) + precision(a, t)) / 2,), "the mean of precision"),
    ("balanced_accuracy", (lambda t, a: f1_score(np.asarray(t), np.asarray(a)),), "this is F1"),
    ("balanced_accuracy", (lambda t, a: 2 * by_masks(t, a),), "Take their mean"),
    ("balanced_accuracy", (lambda t, a: torch.stack([a[t], a[t]]).float().mean(),), "always says yes gets 1"),
    ("balanced_accuracy", (lambda t, a: (a[t].float().mean() + a[~t].float().mean()) / 2,), "Count the noes"),
    ("balanced_accuracy", (lambda t, a: a[t].float().mean() * (~a[~t]).float().mean(),), "multiply"),
    ("balanced_accuracy", (lambda t, a: 1 - by_masks(t, a),), "expected"),
]
