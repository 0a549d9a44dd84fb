"""Write the dashboard of a hundred latents of the lab's autoencoder: `latents_page.py PATH`."""

import sys

from sae_tutorial.artifacts import lab_activations, lab_sae
from sae_tutorial.dashboard import write_dashboard
from sae_tutorial.features import survey_features
from sae_tutorial.lab import open_lab


def main(path: str) -> None:
    """Make what is missing of activations and autoencoder, survey the latents, and write the page."""
    lab = open_lab()
    train, _ = lab_activations(lab)
    sae = lab_sae(lab)
    write_dashboard(
        sae,
        train,
        lab.model,
        path,
        survey=survey_features(sae, train, lab.labels),
        class_names=lab.class_names,
    )


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
