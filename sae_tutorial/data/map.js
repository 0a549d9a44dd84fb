// All latents on a map: near each other where their decoder rows are alike.

// Told apart by people who see colours differently, and against light and dark (after Okabe and Ito).
const HUES = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a67c00", "#56a0d3", "#8f6bd6"];

function drawMap(points, stage, open) {
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
  const told = make("output", { className: "note" }, "Point at a dot to read what it is; choose it to see the latent, where the page has it.");
  const tell = (number, group, token) => {
    told.replaceChildren(`Latent ${number}, mostly at `, code(token), group ? `; ${group}` : "");
  };
  const frame = svg("svg", { viewBox: `0 0 ${width} ${width}`, role: "img", "aria-label": `Map of ${points.length} latents by the direction of their decoder rows; the table has the same latents` });
  const dots = new Map();
  for (const [number, x, y, group, token] of points) {
    const dot = svg("circle", { cx: edge + x * (width - 2 * edge), cy: edge + y * (width - 2 * edge), r: 3.5 });
    if (group) dot.style.setProperty("--point", hue(group));
    dot.addEventListener("mouseenter", () => tell(number, group, token));
    dot.addEventListener("click", () => { tell(number, group, token); open(number); });
    dots.set(number, { dot, group });
    frame.append(dot);
  }
  let only = null;
  const keys = groups.map((group) => {
    const key = make("button", { type: "button", "aria-pressed": "false" }, `${group} (${counts.get(group)})`);
    key.style.setProperty("--point", hue(group));
    key.addEventListener("click", () => {
      only = only === group ? null : group;
      for (const other of keys) other.setAttribute("aria-pressed", String(other === key && only !== null));
      for (const { dot, group: its } of dots.values()) dot.classList.toggle("faint", only !== null && its !== only);
    });
    return key;
  });
  stage.append(make("div", { className: "keys" }, ...keys), frame, told);
  return (number) => {
    for (const { dot } of dots.values()) dot.classList.remove("here");
    const here = dots.get(number)?.dot;
    if (!here) return;
    here.classList.add("here");
    frame.append(here); // on top of the others
  };
}
