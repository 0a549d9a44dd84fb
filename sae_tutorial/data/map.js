// All latents on a map: near each other where their decoder rows are alike.

// Told apart by people who see colours differently, and against light and dark (after Okabe and Ito).
const HUES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a67c00", "#56a0d3", "#8f6bd6"];

// By arrow: along which coordinate the next dot lies, and whether it is larger or smaller there.
const ARROWS = { ArrowRight: ["cx", 1], ArrowLeft: ["cx", -1], ArrowDown: ["cy", 1], ArrowUp: ["cy", -1] };

// `listed` says of a latent's number whether the table lists it. Two functions come back: one points out a listed latent; the
// other makes faint the dots of numbers that its predicate refuses, and says how many it lets stand.
function drawMap(points, stage, listed, open) {
  const [width, edge] = [600, 10];
  const counts = new Map();
  for (const [, , , group] of points) if (group) counts.set(group, (counts.get(group) ?? 0) + 1);
  const groups = [...counts].sort((a, b) => b[1] - a[1]).map(([group]) => group);
  const hue = (group) => HUES[groups.indexOf(group) % HUES.length] ?? "";
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  };
  const told = make("output", { className: "note" }, "Point at a dot to read what it is; choose it to see the latent, where the page has it. Tab and the arrow keys reach those dots, Enter chooses one.");
  const tell = (number, group, token) => {
    told.replaceChildren(`Latent ${number}, mostly at `, code(token), group ? `; ${group}` : "");
  };
  const frame = svg("svg", { viewBox: `0 0 ${width} ${width}`, role: "group" });
  const dots = new Map();
  const stops = [];
  // Those that can be opened come last, on top of the others.
  for (const [number, x, y, group, token] of [...points].sort((a, b) => listed(a[0]) - listed(b[0]))) {
    const dot = svg("circle", { cx: edge + x * (width - 2 * edge), cy: edge + y * (width - 2 * edge), r: 3.5 });
    if (listed(number)) {
      dot.setAttribute("role", "button");
      dot.setAttribute("aria-label", `latent ${number}`);
      dot.addEventListener("focus", () => tell(number, group, token));
      stops.push(dot);
    }
    if (group) dot.style.setProperty("--point", hue(group));
    dot.addEventListener("mouseenter", () => tell(number, group, token));
    dot.addEventListener("click", () => { tell(number, group, token); open(number); });
    dots.set(number, { dot, group });
    frame.append(dot);
  }
  // The dots are one stop of the Tab key, as there may be many.
  const stopAt = (dot) => stops.forEach((other) => (other.tabIndex = other === dot ? 0 : -1));
  stopAt(stops[0]);
  frame.addEventListener("keydown", (event) => {
    const chosen = event.key === "Enter" || event.key === " ";
    if (!chosen && !ARROWS[event.key]) return;
    event.preventDefault();
    if (chosen) return event.target.dispatchEvent(new MouseEvent("click"));
    const [along, step] = ARROWS[event.key];
    const within = stops.filter((dot) => dot === event.target || !dot.classList.contains("faint"));
    within.sort((a, b) => a[along].baseVal.value - b[along].baseVal.value);
    const next = within[within.indexOf(event.target) + step];
    if (!next) return;
    stopAt(next);
    next.focus();
  });
  let [only, matched] = [null, () => true];
  const fade = () => {
    for (const [number, { dot, group }] of dots) {
      dot.classList.toggle("faint", !matched(number) || (only !== null && group !== only));
    }
  };
  const keys = groups.map((group) => {
    const key = make("button", { type: "button", "aria-pressed": "false" }, `${group} (${counts.get(group)})`);
    key.style.setProperty("--point", hue(group));
    key.addEventListener("click", () => {
      only = only === group ? null : group;
      for (const other of keys) other.setAttribute("aria-pressed", String(other === key && only !== null));
      fade();
    });
    return key;
  });
  stage.append(make("div", { className: "keys" }, ...keys), frame, told);
  const pointOut = (number) => {
    for (const { dot } of dots.values()) dot.classList.remove("here");
    const here = dots.get(number)?.dot;
    if (!here) return;
    here.classList.add("here");
    frame.append(here); // on top of the others
    stopAt(here);
  };
  const keep = (matches) => {
    matched = matches;
    fade();
    const kept = points.filter(([number]) => matches(number));
    const inTable = kept.filter(([number]) => listed(number)).length;
    const lists = inTable === points.length ? "all" : inTable;
    frame.setAttribute("aria-label", `Map of ${points.length} latents by the direction of their decoder rows; the table lists ${lists} of them`);
    return kept.length;
  };
  return [pointOut, keep];
}
