// A figure is drawn 900 pixels wide. Where the column is narrower it shrinks, and below SMALLEST it scrolls: its words have to
// stay readable.
const SMALLEST = 0.62;

function fitFigures() {
  const figures = [...document.querySelectorAll(".figure-to-fit .plotly-graph-div")].filter((figure) => figure._fullLayout);
  // First all that is measured, then all that is changed, so that the page is laid out once.
  const columns = figures.map((figure) => figure.closest(".figure-to-fit").clientWidth);
  figures.forEach((figure, i) => {
    const { width, height } = figure._fullLayout;
    const scale = Math.max(SMALLEST, Math.min(1, columns[i] / width));
    Object.assign(figure.style, { width: `${width}px`, height: `${height}px`, transformOrigin: "0 0", transform: `scale(${scale})` });
    // What is scaled keeps its room; the frame around it has the room that it needs.
    Object.assign(figure.parentElement.style, { width: `${width * scale}px`, height: `${height * scale}px`, overflow: "hidden" });
  });
}

addEventListener("load", fitFigures);
addEventListener("resize", fitFigures);
