"use strict";
// A drawing, and beside it what is told of the task or dataset type that was clicked on.
const content = JSON.parse(document.getElementById("content").textContent);
const chosen = document.getElementById("chosen");
const drawing = document.querySelector("#drawing svg");
const introduction = [...chosen.childNodes];
const nodes = new Map([...drawing.querySelectorAll("g[data-name]")].map(node => [keyOf(node), node]));

function keyOf(node) {
  return `${node.classList.contains("task") ? "task" : "dataset"}/${node.dataset.name}`;
}

function nameOf(key) {
  return key.slice(key.indexOf("/") + 1);
}

// What is shown is a part of the address, so that it can be sent on: #task/isr, #dataset/raw.
function address(key) {
  return `#${key.slice(0, key.indexOf("/"))}/${encodeURIComponent(nameOf(key))}`;
}

function element(tag, text, attributes = {}) {
  const made = Object.assign(document.createElement(tag), attributes);
  if (text !== undefined) made.textContent = text;
  return made;
}

function line(cells) {
  const made = element("tr");
  made.append(...cells);
  return made;
}

function head(names) {
  return line(names.map(name => element("th", name)));
}

// Show what `tell` returns, elements, of an item of `items` whenever its node is chosen.
function follow(items, tell) {
  function showAddressed() {
    const key = decodeURIComponent(location.hash.slice(1));
    const isKnown = key in items && nodes.has(key);
    drawing.classList.toggle("traced", isKnown);
    nodes.forEach((node, each) => node.classList.toggle("on", isKnown && each === key));
    chosen.replaceChildren(...(isKnown ? tell(key) : introduction));
    if (isKnown) nodes.get(key).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  nodes.forEach((node, key) => {
    node.setAttribute("tabindex", "0");
    const choose = event => { location.hash = address(key); event.stopPropagation(); };
    node.addEventListener("click", choose);
    node.addEventListener("keydown", event => { if (event.key === "Enter") choose(event); });
  });
  drawing.addEventListener("click", () => { location.hash = ""; });
  addEventListener("hashchange", showAddressed);
  showAddressed();
}
