// Values of both pictures along a line, as a figure and as a table.

const SVG = "http://www.w3.org/2000/svg";
const FIGURE = { height: 270, left: 72, right: 16, top: 12, bottom: 46 };

function element(name, attributes, text) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
}

function setLine(line) {
  state.line = line;
  for (const id of ["x1", "y1", "x2", "y2"]) byId(id).value = line ? Number(line[id].toFixed(1)) : "";
  showProfile();
  draw();
}

// Value between the pixels around a place, NaN beside a gap.
function between(tiles, x, y) {
  const column = Math.max(0, Math.min(PAGE.width - 1, Math.floor(x)));
  const row = Math.max(0, Math.min(PAGE.height - 1, Math.floor(y)));
  const across = Math.min(1, Math.max(0, x - column));
  const down = Math.min(1, Math.max(0, y - row));
  let sum = 0;
  for (const [dy, dx, weight] of [
    [0, 0, (1 - across) * (1 - down)],
    [0, 1, across * (1 - down)],
    [1, 0, (1 - across) * down],
    [1, 1, across * down],
  ]) {
    if (weight > 0) sum += weight * (valueAt(tiles, column + dx, row + dy) ?? NaN);
  }
  return sum;
}

function samples(line) {
  const { x1, y1, x2, y2 } = line;
  const steps = Math.max(1, Math.min(4000, Math.ceil(Math.hypot(x2 - x1, y2 - y1))));
  const [sizeY, sizeX] = pixelSize ?? [1, 1];
  const length = Math.hypot((x2 - x1) * sizeX, (y2 - y1) * sizeY);
  const at = Array.from({ length: steps + 1 }, (_, i) => i / steps);
  const sides = ["left", "right"].map((side) => {
    const tiles = shown(state[side]);
    if (!tiles || !tiles[0].length) return null;
    return tiles.map((one) => at.map((share) => between(one, x1 + share * (x2 - x1), y1 + share * (y2 - y1))));
  });
  return sides.every(Boolean) ? { places: at.map((share) => share * length), sides } : null;
}

function showProfile() {
  byId("profile").hidden = !state.line;
  if (!state.line) return;
  const found = samples(state.line);
  if (!found) {
    byId("profile-chart").replaceChildren();
    byId("profile-table").replaceChildren();
    if (!unpacked()) whenReady(showProfile);
    return;
  }
  const names = [PAGE.pictures[state.left].name, PAGE.pictures[state.right].name].map((name) => name.slice(0, 60));
  const curves = found.sides.flatMap((values, side) =>
    values.map((one, number) => ({
      values: one,
      style: side === 0 ? "s0 line thin" : "s1 line",
      name: values.length > 1 ? `${names[side]}, ${PAGE.channels[number]}` : names[side],
    })),
  );
  const label = pixelSize ? "distance (µm)" : "distance (pixels)";
  byId("profile-chart").replaceChildren(plot(found.places, curves, label));
  byId("profile-legend").replaceChildren(...names.map(legendOf));
  table(found.places, curves, label);
}

function legendOf(name, side) {
  const item = document.createElement("li");
  const key = element("svg", { class: "key", viewBox: "0 0 26 12", "aria-hidden": "true" });
  key.append(element("path", { class: side === 0 ? "s0 line thin" : "s1 line", d: "M2 6H24" }));
  item.append(key, name);
  return item;
}

function ticks(low, high) {
  const step = niceAbove((high - low) / 6);
  const places = [];
  for (let i = Math.ceil(low / step - 1e-9); i <= high / step + 1e-9; i++) places.push(i * step);
  const digits = Math.max(0, Math.ceil(-Math.log10(step) - 1e-9));
  return places.map((value) => [value, Math.abs(value) >= 1e6 ? value.toExponential(1) : value.toFixed(digits)]);
}

function plot(places, curves, label) {
  const { height, left, right, top, bottom } = FIGURE;
  const width = Math.max(300, byId("profile-chart").clientWidth); // so that its letters are as large as all others
  const all = curves.flatMap((curve) => curve.values).filter(Number.isFinite);
  let [low, high] = [Math.min(...all), Math.max(...all)];
  if (!(high > low)) [low, high] = [(low || 0) - 0.5, (high || 0) + 0.5];
  const far = places[places.length - 1] || 1;
  const x = (value) => left + (value / far) * (width - left - right);
  const y = (value) => height - bottom - ((value - low) / (high - low)) * (height - top - bottom);
  const chart = element("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, role: "img" });
  chart.append(element("title", {}, `Values along the line: ${curves.map((curve) => curve.name).join(", ")}. The numbers stand in the table below.`));
  for (const [value, text] of ticks(0, far)) {
    chart.append(element("path", { class: "gridline", d: `M${x(value)} ${top}V${height - bottom}` }));
    chart.append(element("text", { class: "tick", x: x(value), y: height - bottom + 17, "text-anchor": "middle" }, text));
  }
  for (const [value, text] of ticks(low, high)) {
    chart.append(element("path", { class: "gridline", d: `M${left} ${y(value)}H${width - right}` }));
    chart.append(element("text", { class: "tick", x: left - 7, y: y(value) + 4, "text-anchor": "end" }, text));
  }
  chart.append(element("path", { class: "axis", d: `M${left} ${top}V${height - bottom}H${width - right}` }));
  chart.append(element("text", { class: "label", x: (left + width - right) / 2, y: height - 10, "text-anchor": "middle" }, label));
  const named = PAGE.unit ? `value (${PAGE.unit})` : "value";
  const turn = `translate(15 ${(height - bottom + top) / 2}) rotate(-90)`;
  chart.append(element("text", { class: "label", transform: turn, "text-anchor": "middle" }, named));
  for (const curve of curves) {
    let pen = "M";
    let path = "";
    curve.values.forEach((value, i) => {
      if (Number.isFinite(value)) path += `${pen}${x(places[i]).toFixed(1)} ${y(value).toFixed(1)}`;
      pen = Number.isFinite(value) ? "L" : "M";
    });
    chart.append(element("path", { class: curve.style, d: path }));
  }
  return chart;
}

function table(places, curves, label) {
  const row = (cells, tag) => {
    const made = document.createElement("tr");
    made.append(
      ...cells.map((text) => {
        const cell = document.createElement(tag);
        cell.textContent = text;
        if (tag === "th") cell.scope = "col";
        else cell.className = "number";
        return cell;
      }),
    );
    return made;
  };
  const head = document.createElement("thead");
  head.append(row([label, ...curves.map((curve) => curve.name)], "th"));
  const body = document.createElement("tbody");
  const every = Math.max(1, Math.ceil(places.length / 400));
  const step = range.step / 10;
  for (let i = 0; i < places.length; i += every) {
    body.append(row([places[i].toPrecision(5), ...curves.map((curve) => written(curve.values[i], step))], "td"));
  }
  byId("profile-table").replaceChildren(head, body);
}
