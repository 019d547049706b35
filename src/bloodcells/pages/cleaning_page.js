"use strict";
// Decisions are kept in the browser under the checksum of the cells, until they are forgotten.
{
  const bar = document.getElementById("decisions");
  const classes = JSON.parse(bar.dataset.classes);
  const key = `bloodcells decisions ${bar.dataset.cells}`;
  const cards = [...document.querySelectorAll("figure[data-number]")];
  let decided = remembered() ?? JSON.parse(bar.dataset.decided);

  function remembered() {
    try {
      return JSON.parse(localStorage.getItem(key));
    } catch {
      return null;
    }
  }

  function decide(card, choice, label = "") {
    const { number, file } = card.dataset;
    const before = decided[number];
    if (!choice || (before?.choice === choice && before.label === label)) delete decided[number];
    else decided[number] = { file, choice, label };
    show();
  }

  function button(card, choice) {
    const one = document.createElement("button");
    one.type = "button";
    one.textContent = one.value = choice;
    one.ariaLabel = `${choice} image ${card.dataset.number}`;
    one.onclick = () => decide(card, choice);
    return one;
  }

  function relabel(card) {
    const { number, label, likelier } = card.dataset;
    const others = classes.filter((name) => name !== label && name !== likelier);
    const select = document.createElement("select");
    select.ariaLabel = `relabel image ${number}`;
    select.append(new Option("relabel", ""), ...[likelier, ...others].filter(Boolean).map((name) => new Option(name)));
    select.onchange = () => decide(card, select.value && "relabel", select.value);
    return select;
  }

  function show() {
    try {
      localStorage.setItem(key, JSON.stringify(decided));
    } catch {
      // The browser keeps nothing for this page: save before it is closed.
    }
    for (const card of cards) {
      const { choice = "", label = "" } = decided[card.dataset.number] ?? {};
      card.dataset.choice = choice;
      for (const one of card.querySelectorAll("button")) one.ariaPressed = one.value === choice;
      card.querySelector("select").value = label;
    }
    const choices = Object.values(decided).map((one) => one.choice);
    const words = { keep: "kept", drop: "dropped", relabel: "relabelled" };
    const counts = Object.keys(words).map((one) => `${choices.filter((choice) => choice === one).length} ${words[one]}`);
    bar.querySelector("output").textContent = choices.length ? `You decided: ${counts.join(", ")}.` : "Nothing decided.";
    for (const one of bar.querySelectorAll("button")) one.disabled = !choices.length;
  }

  function quoted(value) {
    return /[",\r\n]/.test(value) ? `"${value.replaceAll('"', '""')}"` : value;
  }

  function save() {
    const rows = Object.entries(decided).map(([number, one]) => [number, one.file, one.choice, one.label, bar.dataset.cells]);
    const lines = [["number", "file", "decision", "label", "cells"], ...rows].map((row) => row.map(quoted).join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([lines.join("\n") + "\n"], { type: "text/csv" }));
    link.download = "decisions.csv";
    link.click();
  }

  for (const card of cards) {
    const choices = document.createElement("div");
    choices.className = "choices";
    choices.append(button(card, "keep"), button(card, "drop"), relabel(card));
    card.append(choices);
  }
  document.getElementById("save").onclick = save;
  document.getElementById("forget").onclick = () => {
    if (confirm("Forget all decisions about these cells?")) show((decided = {}));
  };
  bar.hidden = false;
  show();
}
