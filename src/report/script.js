"use strict";
// Hovering or focusing a term shows what it adds and marks all its places; the arrow keys
// walk from mark to mark, Escape lets go.
const detail = document.getElementById("detail");
const show = (target) => {
  document.querySelectorAll(".on").forEach((e) => e.classList.remove("on"));
  const at = target && target.closest("[data-e]");
  detail.textContent = at ? at.dataset.tip : "";
  if (at) document.querySelectorAll(`[data-e="${at.dataset.e}"]`).forEach((e) => e.classList.add("on"));
};
document.addEventListener("pointerover", (event) => show(event.target.closest("[data-e]") || document.activeElement));
document.addEventListener("focusin", (event) => show(event.target));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") { document.activeElement.blur(); show(null); return; }
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  const text = document.activeElement.closest("mark") && document.activeElement.closest(".ad");
  if (!step || !text) return;
  const marks = [...text.querySelectorAll("mark")];
  const at = marks.indexOf(document.activeElement);
  event.preventDefault();
  const next = marks[(at + step + marks.length) % marks.length];
  marks[at].tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
});
