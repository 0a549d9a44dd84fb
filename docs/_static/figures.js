// A figure is drawn 900 pixels wide. Where the column is narrower it shrinks, and below SMALLEST it scrolls: its words have to
// stay readable.
const SMALLEST = 0.7;

function fitFigures() {
  const figures = [...document.querySelectorAll(".figure-to-fit .plotly-graph-div")];
  // First all that is measured, then all that is changed, so that the page is laid out once.
  const measured = figures.map((figure) => {
    const column = figure.closest(".figure-to-fit").clientWidth;
    return [figure, column, figure.offsetWidth, figure.offsetHeight];
  });
  for (const [figure, column, width, height] of measured) {
    if (!column) continue; // folded
    const scale = Math.max(SMALLEST, Math.min(1, column / width));
    Object.assign(figure.style, { transformOrigin: "0 0", transform: scale < 1 ? `scale(${scale})` : "" });
    // What is scaled keeps its room; this frame has the room that it needs.
    Object.assign(figure.parentElement.style, { width: `${width * scale}px`, height: `${height * scale}px`, overflow: "hidden" });
  }
}

addEventListener("load", fitFigures);
addEventListener("resize", fitFigures);
