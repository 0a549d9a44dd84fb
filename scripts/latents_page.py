"""Write the dashboard of a hundred latents of the lab's autoencoder: `latents_page.py PATH`."""

import sys

from sae_tutorial.course.artifacts import lab_activations, lab_sae
from sae_tutorial.features.latents import read_latents
from sae_tutorial.lab.lab import open_lab
from sae_tutorial.show.dashboard import write_dashboard


def main(path: str) -> None:
    """Make what is missing of activations and autoencoder, read the latents, and write the page."""
    lab = open_lab()
    train, _ = lab_activations(lab)
    sae = lab_sae(lab)
    latents = read_latents(sae, train)
    write_dashboard(sae, latents, lab.model, path, labels=lab.labels, class_names=lab.class_names)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
