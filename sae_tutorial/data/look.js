const whole = (share) => `${Math.round(100 * share)}%`;
let chosen = null; // a token of the text, by number

function litSpan(token, share, centre) {
  const span = make("span", { title: `${whole(share)} of its largest activation`, className: centre ? "centre" : "" }, visible(token));
  span.style.setProperty("--strength", share);
  return span;
}

function line({ tokens, shares, centre }) {
  const spans = tokens.map((token, i) => litSpan(token, shares[i], i === centre));
  return make("li", {}, make("span", { className: "strength number" }, whole(shares[centre])), make("p", { className: "context" }, ...spans));
}

function sentences(title, lines) {
  return lines.length ? [make("h4", {}, title), make("ol", { className: "contexts" }, ...lines.map(line))] : [];
}

function strongestIn(latent) {
  const most = Math.max(...latent.lit);
  return `; in your text ${whole(most)} of its largest activation, at “${visible(data.text[latent.lit.indexOf(most)]).trim()}”`;
}

function card(latent) {
  const words = visible(latent.words) || `latent ${latent.latent}`;
  const summary = `latent ${latent.latent}, on at ${percent(latent.density)} of all tokens${latent.lit ? strongestIn(latent) : ""}`;
  const made = make("article", { tabIndex: 0, id: `latent-${latent.latent}` },
    make("h3", {}, words), make("p", { className: "note" }, summary),
    latent.description && make("p", {}, `A reader who saw contexts like these: ${visible(latent.description)}`),
    ...sentences("Where it is strongest", latent.strongest), ...sentences("Drawn at random", latent.random),
    make("h4", {}, "What it makes likelier as the next token"), make("p", { className: "raised" }, ...latent.raised.map(code)));
  if (latent.lit) {
    made.addEventListener("focus", () => light(latent.lit));
    made.addEventListener("mouseenter", () => light(latent.lit));
  }
  return made;
}

// ---------------------------------------------------------------------------------------- a text of one's own

const spans = (data.text ?? []).map((token, i) => {
  const span = make("span", { tabIndex: i ? -1 : 0 }, visible(token));
  span.addEventListener("focus", () => choose(i));
  span.addEventListener("click", () => span.focus());
  return span;
});

function light(shares) {
  spans.forEach((span, i) => {
    span.style.setProperty("--strength", shares[i]);
    span.title = `${whole(shares[i])} of the largest activation`;
  });
}

function lightAll() {
  light(spans.map((_, i) => Math.max(0, ...data.own.map((latent) => latent.lit[i]))));
}

function choose(i) {
  chosen = i;
  spans.forEach((span, j) => {
    span.tabIndex = j === (i ?? 0) ? 0 : -1;
    span.className = j === i ? "centre" : "";
  });
  const shown = i === null ? data.own : data.own.filter((l) => l.lit[i] > 0).sort((a, b) => b.lit[i] - a.lit[i]);
  place("own-cards").replaceChildren(...shown.map(card));
  place("status").textContent = i === null
    ? `${shown.length} latents, strongest first. Choose a word to see only its latents; point at a card to light the words it is on at.`
    : `${shown.length} latents are on at “${visible(data.text[i]).trim()}”. Escape shows all.`;
  lightAll();
}

place("text").addEventListener("keydown", (event) => {
  const next = spans[chosen + { ArrowRight: 1, ArrowLeft: -1 }[event.key]];
  if (!next) return;
  event.preventDefault();
  next.focus();
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape" && data.text) {
    document.activeElement.blur();
    choose(null);
  }
  const step = { j: 1, k: -1 }[event.key];
  if (!step) return;
  const cards = [...document.querySelectorAll("article")];
  const at = cards.indexOf(document.activeElement);
  cards[at < 0 ? 0 : at + step]?.focus();
});

place("about").textContent = `${data.coder}. Contexts were found in ${data.read}.`;
place("credit").textContent = data.credit;
place("best-cards").append(...data.best.map(card));
if (data.text) {
  place("own").hidden = false;
  place("text").append(...spans);
  choose(null);
} else {
  place("about").append(" To see what a sentence of yours turns on: ", make("code", {}, 'python -m sae_tutorial look "a sentence"'));
}
