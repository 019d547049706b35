"use strict";
{
  const filters = document.getElementById("filters");
  const cards = [...document.querySelectorAll(".cards figure")];

  function isWanted({ dataset }) {
    const { part, set, truth, taken, corruption, confidence } = filters.elements;
    return (
      [part, set, truth, taken].every(({ name, value }) => !value || dataset[name] === value) &&
      (!corruption.value || dataset.corruptions.split(" ").includes(corruption.value)) &&
      100 * dataset.confidence >= confidence.value
    );
  }

  function show() {
    for (const card of cards) card.hidden = !isWanted(card);
    const wanted = cards.filter((card) => !card.hidden).length;
    document.querySelector("output").textContent = `${wanted} of ${cards.length} pictures`;
    filters.querySelector("b").textContent = filters.elements.confidence.value;
  }

  for (const count of document.querySelectorAll(".matrix button")) {
    count.onclick = () => {
      filters.reset();
      for (const [name, value] of Object.entries(count.dataset)) filters.elements[name].value = value;
      show();
      filters.scrollIntoView({ behavior: "smooth" });
    };
  }
  filters.oninput = filters.onchange = show;
  filters.onreset = () => setTimeout(show);
  show();
}
