"""Checks for the learner's answers, one or two modules per notebook, and `clinic`, the runs that went wrong.

Every check prints where the learner stands and returns nothing; none stops the notebook. They use small tensors of
their own, so they need neither the lab nor a trained autoencoder. `progress()` shows which exercises were solved on
this machine, and `forget()` forgets them.
"""

from sae_tutorial.exercises import clinic
from sae_tutorial.exercises.alarms import attempts_in_use, check_choose_threshold, check_slip_past
from sae_tutorial.exercises.analysing import check_density
from sae_tutorial.exercises.architectures import check_batchtopk, check_cheapest, check_gated, check_stretch
from sae_tutorial.exercises.asking import check_alike, check_divergence, check_mistakes, check_seam
from sae_tutorial.exercises.building import (
    check_decode,
    check_encode,
    check_sizes,
    check_topk,
    check_unit_rows,
)
from sae_tutorial.exercises.building_loss import check_loss
from sae_tutorial.exercises.building_whole import (
    check_broken,
    check_from_memory,
    check_in_plane,
    check_loop_order,
    check_matched,
    check_readers_share,
    check_who_learns,
)
from sae_tutorial.exercises.circuits import (
    check_control_heads,
    check_faithfulness,
    check_induction_score,
    check_patch,
    check_shown,
)
from sae_tutorial.exercises.collecting import check_mostly_off, check_real_rows, check_scale, check_store_rows
from sae_tutorial.exercises.collecting_loop import check_catch, check_collect
from sae_tutorial.exercises.collecting_splits import check_shuffled_labels, check_split
from sae_tutorial.exercises.counting import check_nats, check_paths
from sae_tutorial.exercises.cutting import check_average_head, check_cut_keys
from sae_tutorial.exercises.designing import (
    check_design,
    check_lead_over_all,
    check_near_miss,
    near_miss_in_use,
)
from sae_tutorial.exercises.diffing import (
    check_crosscoder,
    check_rival,
    check_told,
    check_tuned_share,
    check_word_shares,
)
from sae_tutorial.exercises.frontier import (
    check_frontier,
    check_nested_loss,
    check_own_run,
    check_ramp_slope,
)
from sae_tutorial.exercises.graphs import (
    check_back,
    check_edges,
    check_edited,
    check_influence,
    check_prune,
    check_reader,
)
from sae_tutorial.exercises.in_use import yours_or_ours
from sae_tutorial.exercises.judging import check_balanced_accuracy
from sae_tutorial.exercises.kinds import check_as_rare, check_both_halves, check_top_share
from sae_tutorial.exercises.looking import check_calendar, check_claimed_share, check_shares
from sae_tutorial.exercises.meaning import check_find_holes, check_lean, check_nearer_abroad
from sae_tutorial.exercises.meeting import check_meeting
from sae_tutorial.exercises.neurons import check_switch_off
from sae_tutorial.exercises.own_latent import check_own_latent
from sae_tutorial.exercises.patients import (
    check_first_diagnosis,
    check_first_repair,
    check_second_diagnosis,
    check_second_repair,
    check_symptoms,
)
from sae_tutorial.exercises.pentagon import check_pentagon
from sae_tutorial.exercises.removing import check_hold_constant, check_look_again, check_take_out
from sae_tutorial.exercises.residual import (
    check_attribution,
    check_lens,
    check_silence,
    check_third_cut,
)
from sae_tutorial.exercises.resuming import check_train_until
from sae_tutorial.exercises.rivals import (
    check_paired_draws,
    check_shuffle_weights,
    check_soft_freeze,
    shuffle_in_use,
)
from sae_tutorial.exercises.scaling import check_best_multiple, check_own_latents
from sae_tutorial.exercises.solved import forget, progress
from sae_tutorial.exercises.start import (
    check_latent_values,
    check_nearest,
    check_shuffle_names,
)
from sae_tutorial.exercises.superposition import (
    check_boundary,
    check_dimensionality,
    check_features_read,
    check_pair,
    check_toy,
)
from sae_tutorial.exercises.training import (
    check_budget,
    check_explained_variance,
    check_next_price,
)
from sae_tutorial.exercises.transcoding import check_margins, check_rival_group, check_transcoder_loss
from sae_tutorial.exercises.two_lists import check_two_lists, sentences_in_use
from sae_tutorial.exercises.using import (
    check_ablate,
    check_latent_shares,
    check_matched_latents,
    check_push,
    check_steers,
)

__all__ = [
    "attempts_in_use",
    "check_ablate",
    "check_alike",
    "check_as_rare",
    "check_attribution",
    "check_average_head",
    "check_back",
    "check_balanced_accuracy",
    "check_batchtopk",
    "check_best_multiple",
    "check_both_halves",
    "check_broken",
    "check_budget",
    "check_calendar",
    "check_catch",
    "check_cheapest",
    "check_choose_threshold",
    "check_claimed_share",
    "check_collect",
    "check_control_heads",
    "check_crosscoder",
    "check_cut_keys",
    "check_decode",
    "check_density",
    "check_design",
    "check_dimensionality",
    "check_divergence",
    "check_edges",
    "check_edited",
    "check_encode",
    "check_explained_variance",
    "check_faithfulness",
    "check_features_read",
    "check_find_holes",
    "check_first_diagnosis",
    "check_first_repair",
    "check_from_memory",
    "check_frontier",
    "check_gated",
    "check_hold_constant",
    "check_in_plane",
    "check_induction_score",
    "check_influence",
    "check_next_price",
    "check_latent_shares",
    "check_latent_values",
    "check_lead_over_all",
    "check_lean",
    "check_lens",
    "check_look_again",
    "check_loop_order",
    "check_loss",
    "check_matched",
    "check_margins",
    "check_matched_latents",
    "check_meeting",
    "check_mistakes",
    "check_mostly_off",
    "check_nats",
    "check_nearer_abroad",
    "check_near_miss",
    "check_nearest",
    "check_nested_loss",
    "check_own_latent",
    "check_own_latents",
    "check_own_run",
    "check_pair",
    "check_paired_draws",
    "check_patch",
    "check_paths",
    "check_pentagon",
    "check_boundary",
    "check_prune",
    "check_push",
    "check_ramp_slope",
    "check_reader",
    "check_readers_share",
    "check_real_rows",
    "check_rival",
    "check_rival_group",
    "check_scale",
    "check_seam",
    "check_second_diagnosis",
    "check_second_repair",
    "check_shares",
    "check_shown",
    "check_shuffle_names",
    "check_shuffle_weights",
    "check_shuffled_labels",
    "check_silence",
    "check_third_cut",
    "check_sizes",
    "check_slip_past",
    "check_soft_freeze",
    "check_split",
    "check_steers",
    "check_store_rows",
    "check_stretch",
    "check_switch_off",
    "check_symptoms",
    "check_take_out",
    "check_told",
    "check_top_share",
    "check_topk",
    "check_toy",
    "check_train_until",
    "check_transcoder_loss",
    "check_tuned_share",
    "check_two_lists",
    "check_unit_rows",
    "check_who_learns",
    "check_word_shares",
    "clinic",
    "forget",
    "near_miss_in_use",
    "progress",
    "sentences_in_use",
    "shuffle_in_use",
    "yours_or_ours",
]
