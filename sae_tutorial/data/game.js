// The game of guessing what latents are for; `Game` in show/game.py made the data, and scores the answers by the same rule.

function playGame({ id, rounds }, stage) {
  const TASKS = {
    detection: { name: "Find it", ask: "In some of these new snippets the latent is on, in the others it is off. Tick those in which you expect it to be on.",
                 hint: "Half of them are right. Some of the others come from latents that are much like it." },
    fuzzing: { name: "Check the marks", ask: "The latent is on in all of these. In some the marked words are where it is on, in others the marks are misplaced. Tick those that are marked rightly.",
               hint: "About half of them are right." },
    intruder: { name: "Find the intruder", ask: "Four of these five snippets turn the latent on. Choose the one that does not.", hint: "" },
  };
  const given = rounds.map(() => ({ line: "", marks: [] }));

  // Marks come as «»; everything goes into the page as text.
  function marked(text) {
    const parts = text.trimStart().split(/«([^»]*)»/);
    return make("span", { className: "text" }, ...parts.map((part, i) => (i % 2 ? make("mark", {}, visible(part)) : visible(part))));
  }

  // How often a true snippet has the larger answer than a false one; a tie counts half.
  function score(truth, answers) {
    const [right, wrong] = [true, false].map((side) => answers.filter((_, i) => truth[i] === side));
    const wins = right.flatMap((a) => wrong.map((b) => (a > b ? 1 : a === b ? 0.5 : 0)));
    return wins.reduce((sum, win) => sum + win, 0) / wins.length;
  }

  function scores(number) {
    const found = { detection: [], fuzzing: [], intruder: [] };
    rounds[number].tasks.forEach(({ kind, truth }, i) => found[kind].push(score(truth, [...given[number].marks[i]].map(Number))));
    return Object.fromEntries(Object.entries(found).map(([kind, all]) => [kind, all.reduce((sum, x) => sum + x, 0) / all.length]));
  }

  function draw(title, ...parts) {
    const heading = make("h2", { tabIndex: -1 }, title);
    stage.replaceChildren(heading, ...parts);
    return heading;
  }

  function go(label, act) {
    // Not submitted: a frame in a notebook may not submit forms.
    const button = make("button", { type: "button" }, label);
    return [button, (...parts) => {
      const form = make("form", {}, ...parts, make("p", {}, button));
      button.addEventListener("click", () => form.reportValidity() && act());
      form.addEventListener("submit", (event) => event.preventDefault());
      form.addEventListener("keydown", (event) => {
        if (event.key !== "Enter" || event.target.type !== "text") return;
        event.preventDefault();
        button.click();
      });
      return form;
    }];
  }

  function start() {
    const [, form] = go("Start", () => read(0));
    draw("Guess, then be tested", form(
      make("p", {}, `You will meet ${rounds.length} latents, one after the other. Of each you see some contexts, with the words marked where it is on, and write one line about what it responds to.`),
      make("p", {}, "Then the contexts go away, and your line has to do: you answer three kinds of questions about snippets that you have not seen."),
      make("p", {}, new Set(rounds.map((one) => one.origin)).size > 1
        ? "Some of the latents come from another dictionary, which ought to be harder. Which ones, the page tells you at the end." : "")));
  }

  function read(number) {
    const line = make("input", { className: "line", type: "text", required: true, maxLength: 300, autocomplete: "off", id: "line" });
    const [, form] = go("That is my line", () => {
      if (!line.value.trim()) return;
      given[number].line = line.value.trim();
      ask(number, 0);
    });
    draw(`Latent ${number + 1} of ${rounds.length}: what is it for?`,
      make("ol", {}, ...rounds[number].contexts.map((text) => make("li", {}, marked(text)))),
      form(make("label", { htmlFor: "line" }, "In one line, it responds to"), line)).focus();
  }

  function ask(number, which) {
    const { tasks } = rounds[number];
    const { kind, snippets, truth } = tasks[which];
    const single = kind === "intruder";
    const boxes = snippets.map(() => make("input", { type: single ? "radio" : "checkbox", name: "snippet", required: single }));
    const rows = snippets.map((text, i) => make("li", {}, make("label", {}, boxes[i], marked(text))));
    const [button, form] = go("Check", () => {
      given[number].marks[which] = boxes.map((box) => Number(box.checked !== single)).join("");
      boxes.forEach((box, i) => {
        box.disabled = true;
        const right = box.checked !== single === truth[i];
        const said = single ? (truth[i] ? "belongs" : "the intruder") : kind === "fuzzing" ? (truth[i] ? "right marks" : "misplaced") : truth[i] ? "on" : "off";
        rows[i].firstChild.append(make("span", { className: "verdict" }, `${right ? "✓" : "✗"} ${said}`));
      });
      const got = score(truth, [...given[number].marks[which]].map(Number));
      const says = single ? (got === 1 ? "You found it." : "It was another one.") : `Balanced accuracy ${got.toFixed(2)}; guessing gives 0.50.`;
      const last = which + 1 === tasks.length;
      const label = !last ? "Next question" : number + 1 < rounds.length ? "Next latent" : "See what you scored";
      const next = make("button", { type: "button" }, label);
      next.addEventListener("click", () => (!last ? ask(number, which + 1) : number + 1 < rounds.length ? read(number + 1) : end()));
      button.replaceWith(next);
      next.before(make("span", { role: "status" }, `${says} `));
      next.focus();
    });
    draw(`Latent ${number + 1} of ${rounds.length}: ${TASKS[kind].name}`,
      make("p", {}, "You wrote that it responds to"), make("blockquote", {}, given[number].line),
      make("p", {}, `${TASKS[kind].ask} ${TASKS[kind].hint}`), form(make("ol", {}, ...rows))).focus();
  }

  function end() {
    const heads = ["latent", "from", "your line", "detection", "fuzzing", "intruder"];
    const all = rounds.map((_, number) => scores(number));
    const rows = rounds.map(({ latent, origin }, number) => [String(latent), origin, given[number].line,
      ...["detection", "fuzzing", "intruder"].map((kind) => all[number][kind].toFixed(2))]);
    const origins = [...new Set(rounds.map((one) => one.origin))];
    const means = origins.map((origin) => {
      const own = all.filter((_, number) => rounds[number].origin === origin);
      const mean = own.reduce((sum, x) => sum + (x.detection + x.fuzzing + x.intruder) / 3, 0) / own.length;
      return `${mean.toFixed(2)} on ${own.length === 1 ? "the latent" : `the ${own.length} latents`} of ${origin}`;
    });
    // In UTF-8 first: a line may hold any letter, and btoa takes bytes.
    const packed = btoa(String.fromCharCode(...new TextEncoder().encode(JSON.stringify(given.map(({ line, marks }) => [line, marks])))));
    const answers = `${id}.${packed}`;
    const field = make("textarea", { className: "code", readOnly: true, id: "answers" }, `game.results("${answers}")`);
    field.addEventListener("focus", () => field.select());
    const row = (tag, cells) => make("tr", {}, ...cells.map((cell) => make(tag, tag === "th" ? { scope: "col" } : {}, cell)));
    draw("What you scored",
      make("p", { id: "means" }, `Your mean over the three kinds of questions: ${means.join("; ")}. Guessing gives 0.50.`),
      make("table", {}, make("thead", {}, row("th", heads)), make("tbody", {}, ...rows.map((cells) => row("td", cells)))),
      make("p", {}, "A few latents make a rough score: one more right answer of ten moves detection by 0.10."),
      make("p", {}, make("label", { htmlFor: "answers" }, "In a notebook the answers come back by themselves. If they do not, copy this line into a cell:")), field).focus();
    if (window.parent !== window) window.parent.postMessage({ latentGame: answers }, "*");
  }

  start();
}

if (data.game && place("game")) playGame(data.game, place("game"));
