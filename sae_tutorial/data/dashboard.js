const latents = new Map(data.latents.map((latent) => [latent.latent, latent]));
let [shown, pointOut, keepOnMap] = [null, () => {}, () => 0];

// -------------------------------------------------------------------------------------------- pieces

function drawn(tag, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const short = (value) => (Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString());
const signed = (value) => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);
const tokenOrStart = (token) => (token === null ? "(start of text)" : code(token));

// --------------------------------------------------------------------------------------------- table

const COLUMNS = [
  { key: "latent", head: "latent", number: true, first: 1, cell: (l) => opener(l) },
  { key: "density", head: "on for, share of tokens", number: true, first: -1, cell: (l) => percent(l.density) },
  { key: "max", head: "largest activation", number: true, first: -1, cell: (l) => short(l.max) },
  { key: "mean", head: "mean while on", number: true, first: -1, cell: (l) => short(l.mean) },
  { key: "token", head: "top token", first: 1, cell: (l) => (l.dead ? "" : code(l.token)) },
  { key: "token_share", head: "its share", number: true, first: -1, cell: (l) => percent(l.token_share) },
  { key: "previous", head: "top token before", first: 1, cell: (l) => (l.dead ? "" : tokenOrStart(l.previous)) },
  { key: "previous_share", head: "its share", number: true, first: -1, cell: (l) => percent(l.previous_share) },
  { key: "topic", head: "top topic", first: 1, cell: (l) => l.topic },
  { key: "topic_share", head: "its share", number: true, first: -1, cell: (l) => percent(l.topic_share) },
  { key: "kind", head: "kind", first: 1, cell: (l) => l.kind },
].filter((column) => data.topics || !column.key.startsWith("topic"));
// What whoever wrote the page had to say of some latents: numbers or texts.
data.columns.forEach((head, i) => {
  const number = data.latents.every((l) => typeof l.more[i] !== "string");
  for (const l of data.latents) l[`more ${i}`] = l.more[i] ?? (number ? -Infinity : "");
  const sentences = data.latents.some((l) => String(l.more[i] ?? "").length > 40);
  COLUMNS.push({ key: `more ${i}`, head, number, sentences, first: number ? -1 : 1,
                 cell: (l) => (l.more[i] === null ? "" : number ? short(l.more[i]) : l.more[i]) });
});

let order = null; // as the latents were given

function opener(latent) {
  if (latent.page) return make("a", { href: `${latent.page}#latent-${latent.latent}` }, String(latent.latent));
  const label = `latent ${latent.latent}`;
  const button = make("button", { className: "link", type: "button", "aria-label": label }, String(latent.latent));
  button.addEventListener("click", () => show(latent.latent, true));
  return button;
}

const searched = new Map(
  data.latents.map((l) => {
    const tokens = [l.token, l.previous ?? "", ...(l.raised ?? []).map(([token]) => token)];
    return [l.latent, [l.latent, l.kind, l.topic, ...tokens, ...l.more.filter((value) => typeof value === "string")].join("\n").toLowerCase()];
  }),
);
// Of latents that the table does not list, the page knows what the map tells of them.
for (const [number, , , group, token] of data.map ?? []) {
  if (!searched.has(number)) searched.set(number, [number, group, token].join("\n").toLowerCase());
}

function searchedFor() {
  const wanted = place("search").value.toLowerCase();
  const trimmed = wanted.trim() || wanted;
  return (number) => searched.get(number).includes(trimmed);
}

function found() {
  const matches = searchedFor();
  const rows = data.latents.filter((l) => matches(l.latent));
  if (!order) return rows;
  const { key, number } = order.column;
  const compare = number ? (a, b) => b[key] === a[key] ? 0 : a[key] - b[key] : (a, b) => (a[key] ?? "").localeCompare(b[key] ?? "");
  return rows.sort((a, b) => order.direction * compare(a, b) || a.latent - b.latent);
}

function drawTable() {
  const rows = found();
  place("rows").replaceChildren(
    ...rows.map((latent) => {
      const cells = COLUMNS.map(({ number, sentences, cell }, i) =>
        make(i ? "td" : "th", { className: number ? "number" : sentences ? "sentences" : "", ...(i ? {} : { scope: "row" }) },
             cell(latent)),
      );
      return make("tr", { id: `row-${latent.latent}`, className: latent === shown ? "shown" : "" }, ...cells);
    }),
  );
  const kept = keepOnMap(searchedFor());
  const onMap = data.map ? `, ${kept} of ${data.map.length} dots on the map` : "";
  place("count").textContent = `${rows.length} of ${data.latents.length} latents${onMap}`;
}

function drawHeads() {
  const heads = COLUMNS.map((column, i) => {
    const button = make("button", { type: "button" }, column.head);
    if (column.head === "its share") button.setAttribute("aria-label", `its share (${COLUMNS[i - 1].head})`);
    const head = make("th", { scope: "col", className: column.number ? "number" : "" }, button);
    button.addEventListener("click", () => {
      order = { column, direction: order?.column === column ? -order.direction : column.first };
      for (const other of place("heads").children) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", order.direction > 0 ? "ascending" : "descending");
      drawTable();
    });
    return head;
  });
  place("heads").replaceChildren(...heads);
}

// -------------------------------------------------------------------------------------- one latent

function histogram({ edges, counts }) {
  const [width, height, left, bottom, top] = [360, 180, 8, 40, 22];
  const most = Math.max(...counts);
  const x = (i) => left + ((width - 2 * left) * i) / counts.length;
  const y = (count) => height - bottom - ((height - bottom - top) * count) / most;
  const bars = counts.map((count, i) => {
    const tip = `${count.toLocaleString("en")} tokens between ${short(edges[i])} and ${short(edges[i + 1])}`;
    return drawn("rect", { x: x(i) + 0.5, y: y(count), width: x(1) - x(0) - 1, height: y(0) - y(count) },
                 drawn("title", {}, tip));
  });
  // Ticks at powers of two, of which every fourth edge is one; where there are too few of them, at both ends.
  const whole = edges.map((_, i) => i).filter((i) => Math.abs(Math.log2(edges[i]) - Math.round(Math.log2(edges[i]))) < 0.05);
  const ticked = whole.length > 1 ? whole.filter((_, i) => i % Math.ceil(whole.length / 8) === 0) : [0, counts.length];
  const anchor = (i) => (i === 0 ? "start" : i === counts.length ? "end" : "middle");
  const ticks = ticked.flatMap((i) => [
    drawn("line", { x1: x(i), x2: x(i), y1: y(0), y2: y(0) + 4 }),
    drawn("text", { x: x(i), y: y(0) + 17, "text-anchor": anchor(i) }, short(edges[i]))]);
  const label = `Histogram of the activations from ${short(edges[0])} to ${short(edges.at(-1))}; the most frequent bin, ` +
    `${short(edges[counts.indexOf(most)])} to ${short(edges[counts.indexOf(most) + 1])}, holds ${most} tokens`;
  return drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    ...bars, drawn("line", { x1: left, x2: width - left, y1: y(0), y2: y(0) }), ...ticks,
    drawn("text", { x: width / 2, y: height - 6, "text-anchor": "middle" }, "activation (logarithmic scale)"),
    drawn("text", { x: left, y: 14 }, `tokens in the bin (highest: ${most.toLocaleString("en")})`));
}

function contextLine({ tokens, activations, centre, document }, strongest) {
  const spans = tokens.map((token, i) => {
    const value = activations[i];
    const span = make("span", { title: `activation ${short(value)}`, tabIndex: i === centre ? 0 : -1 }, visible(token));
    span.style.setProperty("--strength", strongest > 0 ? value / strongest : 0);
    if (i === centre) span.className = "centre";
    const tell = () => (place("value").textContent = `“${visible(token)}” in document ${document}: activation ${short(value)}`);
    span.addEventListener("focus", tell);
    span.addEventListener("mouseenter", tell);
    return span;
  });
  const line = make("p", { className: "context", role: "group",
                           "aria-label": `document ${document}, left and right arrow move between tokens` }, ...spans);
  line.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const next = spans[spans.indexOf(event.target) + step];
    if (!next) return;
    event.preventDefault();
    for (const span of spans) span.tabIndex = span === next ? 0 : -1;
    next.focus();
  });
  const strength = make("span", { className: "strength number" }, short(activations[centre]));
  return make("li", {}, strength, line);
}

function contexts(title, list, strongest) {
  const lines = list.map((context) => contextLine(context, strongest));
  return [make("h3", {}, title), make("ol", { className: "contexts" }, ...lines)];
}

function smallTable(title, heads, rows) {
  if (!rows.length) return "";
  const cell = (tag) => (content, i) => make(tag, { className: i ? "number" : "", ...(tag === "th" ? { scope: "col" } : {}) }, content);
  return make("div", {}, make("h3", {}, title), make("table", {},
    make("thead", {}, make("tr", {}, ...heads.map(cell("th")))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map(cell("td")))))));
}

function reference(number) {
  if (latents.has(number)) return opener(latents.get(number));
  return data.index ? make("a", { href: `${data.index}#latent-${number}` }, String(number)) : String(number);
}

function tables(l) {
  const tokens = (rows) => rows.map(([token, share]) => [tokenOrStart(token), percent(share)]);
  const effects = (rows) => (rows ?? []).map(([token, effect]) => [code(token), signed(effect)]);
  return make("div", { className: "tables" },
    smallTable("Tokens it is on at", ["token", "share of energy"], tokens(l.tokens)),
    smallTable("Tokens before", ["token", "share of energy"], tokens(l.previous_tokens)),
    smallTable("Logits it raises", ["token", "effect per unit"], effects(l.raised)),
    smallTable("Logits it lowers", ["token", "effect per unit"], effects(l.lowered)),
    smallTable("Nearest decoder directions", ["latent", "cosine"],
      l.neighbours.map(([number, cosine]) => [reference(number), signed(cosine)])),
    smallTable("On together (share of the tokens it is on at)", ["latent", "together", "anywhere"],
      l.together.map(([number, share, density]) => [reference(number), percent(share), percent(density)])));
}

function detail(l) {
  const heading = make("h2", { id: "detail-title", tabIndex: -1 }, `Latent ${l.latent}`);
  const summary = make("dl", {}, ...facts([
    ["on for", `${l.n_active.toLocaleString("en")} tokens (${percent(l.density)})`],
    ["largest activation", short(l.max)],
    ["mean while on", short(l.mean)],
    ...(data.topics && !l.dead ? [["top topic", `${l.topic} (${percent(l.topic_share)} of its energy, topics weighted equally)`]] : []),
    ["at the first two tokens of a text", `${percent(l.early_share)} of its energy`],
    ...(l.kind ? [["kind", l.kind]] : []),
    ...data.columns.map((head, i) => [head, l.more[i]]).filter(([, value]) => value !== null)
      .map(([head, value]) => [head, typeof value === "string" ? value : short(value)]),
  ]));
  if (l.dead) return [heading, moves(l), summary, make("p", { className: "empty" }, "It is on nowhere in these texts."), tables(l)];
  const note = "The stronger a token is coloured, the stronger the latent is at it, relative to its largest activation; the number " +
    "in front belongs to the underlined token. Point at a token, or move with Tab and the arrow keys, to read its value.";
  return [heading, moves(l), summary,
    make("figure", {}, make("h3", {}, "How strongly it is on"), histogram(l.histogram)),
    make("p", { className: "note" }, note),
    ...contexts("Strongest contexts, one per document", l.top, l.max),
    ...["upper", "middle", "lower"].flatMap((third, i) =>
      contexts(`Random contexts from the ${third} third of its activations`, l.sampled[i], l.max)),
    make("output", { id: "value" }), tables(l)];
}

function moves(l) {
  const rows = found();
  const i = rows.indexOf(l);
  const button = (label, target, go) => {
    const made = make("button", { type: "button", disabled: !target }, label);
    made.addEventListener("click", () => go(target));
    return made;
  };
  return make("div", { className: "move" },
    button("← Previous", rows[i - 1], (other) => show(other.latent, true)),
    button("Next →", rows[i + 1], (other) => show(other.latent, true)),
    button("Back to the table", l, () => (place(`row-${l.latent}`)?.querySelector("button") ?? place("search")).focus()));
}

function show(number, moveFocus) {
  const latent = latents.get(number);
  if (!latent) return;
  if (latent.page) return location.replace(`${latent.page}#latent-${number}`);
  place(`row-${shown?.latent}`)?.classList.remove("shown");
  shown = latent;
  place(`row-${number}`)?.classList.add("shown");
  place("detail").replaceChildren(...detail(latent));
  pointOut(number);
  try {
    history.replaceState(null, "", `#latent-${number}`);
  } catch {
    // A page inside another has no address of its own to change.
  }
  if (moveFocus) place("detail-title").focus();
}

function numberInAddress() {
  return Number(/^#latent-(\d+)$/.exec(location.hash)?.[1] ?? NaN);
}

place("facts").append(...facts(data.facts));
if (data.map) {
  place("map").hidden = false;
  [pointOut, keepOnMap] = drawMap(data.map, place("map"), (number) => latents.has(number), (number) => show(number, true));
}
place("play").hidden = !data.game;
place("search").addEventListener("input", drawTable);
window.addEventListener("hashchange", () => show(numberInAddress(), true));
drawHeads();
drawTable();
if (!data.latents[0].page || latents.has(numberInAddress())) {
  show(latents.has(numberInAddress()) ? numberInAddress() : data.latents[0].latent, false);
}
if (data.index) place("facts").after(make("p", {}, make("a", { href: data.index }, "All latents")));
