"use strict";
// Whatever comes from the corpus or the tokenizer goes into the page as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const place = (id) => document.getElementById(id);

function make(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value;
    else made.setAttribute(name, value);
  }
  made.append(...children); // strings become text
  return made;
}

// Characters that show nothing, break lines or turn the direction of what follows.
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]/gu;

function visible(token) {
  return token
    .replaceAll("\n", "↵")
    .replaceAll("\t", "⇥")
    .replace(INVISIBLE, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}

const code = (token) => make("code", {}, visible(token).replaceAll(" ", "·") || "(empty)");
const percent = (share) => (share > 0 && share < 0.00995 ? (100 * share).toPrecision(2) : (100 * share).toFixed(1)) + "%";

function facts(pairs) {
  return pairs.map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, value)));
}
