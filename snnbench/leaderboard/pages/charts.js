"use strict";
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const colours = () => {
    const style = getComputedStyle(document.documentElement);
    const ink = style.getPropertyValue("--ink").trim();
    const line = style.getPropertyValue("--line").trim();
    return { ink, line };
  };
  const dressed = (layout) => {
    const { ink, line } = colours();
    const result = { ...layout, font: { color: ink, family: "system-ui, sans-serif" }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)" };
    for (const key of Object.keys(layout).filter((name) => /^[xy]axis/.test(name))) {
      result[key] = { ...layout[key], gridcolor: line, zerolinecolor: line, linecolor: line };
    }
    return result;
  };
  for (const source of document.querySelectorAll("script[data-figure]")) {
    const figure = JSON.parse(source.textContent);
    const place = document.getElementById(source.dataset.figure);
    const draw = () => Plotly.react(place, figure.data, dressed(figure.layout), { responsive: true, displaylogo: false, displayModeBar: false });
    draw();
    dark.addEventListener("change", draw);
    place.on("plotly_click", (event) => {
      const link = event.points[0].customdata;
      if (link) location.href = link;
    });
  }
})();
