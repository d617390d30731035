// Contrast, overlays, the stack and what is read below the cursor.

let range = { low: 0, high: 1 };

function setRange() {
  const ends = channels().map((channel) => PAGE.ranges[channel]);
  range = {
    low: Math.min(...ends.map((one) => one.low)),
    high: Math.max(...ends.map((one) => one.high)),
    step: Math.min(...ends.map((one) => one.step)),
  };
  if (range.high <= range.low) range.high = range.low + range.step;
}

function setContrast(low, high, gamma = state.gamma) {
  if (![low, high, gamma].every(Number.isFinite) || gamma <= 0) return;
  Object.assign(state, { low, high, gamma });
  byId("low").value = Number(low.toPrecision(7));
  byId("high").value = Number(high.toPrecision(7));
  byId("gamma").value = Number(gamma.toPrecision(3));
  byId("low-slide").value = (1000 * (low - range.low)) / (range.high - range.low);
  byId("high-slide").value = (1000 * (high - range.low)) / (range.high - range.low);
  byId("gamma-slide").value = 100 * Math.log10(gamma);
  byId("low-slide").setAttribute("aria-valuetext", written(low, range.step));
  byId("high-slide").setAttribute("aria-valuetext", written(high, range.step));
  byId("gamma-slide").setAttribute("aria-valuetext", gamma.toFixed(2));
  draw();
}

function automatic() {
  const found = percentiles([0.001, 0.999]);
  if (!found) return false;
  setContrast(found[0], found[1] > found[0] ? found[1] : found[0] + range.step);
  return true;
}

// Names of the maps of now: the residual, and those that were handed over, each once.
function overlayNames() {
  const names = PAGE.pictures.length > 1 ? ["residual"] : [];
  return [...new Set([...names, ...PAGE.overlays.map((overlay) => overlay.name)])];
}

const maps = new Map();

// Parts (canvas and layer), limits and unit of the chosen map; null while it is made or where there is none.
function overlayMap() {
  const given = state.overlay === "residual" ? null : chosenOverlay();
  const where = given ? PAGE.overlays.indexOf(given) : `${state.left}-${state.right}-${state.plane}-${state.channel}`;
  const key = `${state.overlay}/${where}`;
  if (maps.has(key)) return maps.get(key);
  if (state.overlay === "residual") {
    const left = shown(state.left);
    const right = shown(state.right);
    if (!left || !right || !left[0].length) return null;
    keep(key, residualMap(left, right));
  } else {
    if (!given) return null;
    keep(key, null);
    decoded(given.layer, null).then((tile) => {
      keep(key, valueMap(given, tile));
      draw();
    }, failed);
  }
  return maps.get(key);
}

function keep(key, map) {
  if (maps.size > 8) maps.delete(maps.keys().next().value);
  maps.set(key, map);
}

function chosenOverlay() {
  const channel = Math.max(0, state.channel);
  return PAGE.overlays.find(
    (one) => one.name === state.overlay && one.plane === state.plane && (one.channel === channel || state.channel < 0),
  );
}

function valueMap(overlay, tile) {
  return {
    ...overlay,
    tiles: [tile],
    parts: [{ layer: tile.layer, canvas: coloured(tile.codes, tile.gaps, tile.layer, overlay.scale) }],
  };
}

// Left minus right, mean over the colours, in the values of the image.
function residualMap(left, right) {
  const parts = left[0].map((tile, number) => {
    const values = new Float32Array(tile.codes.length);
    left.forEach((tiles, channel) => {
      const one = tiles[number];
      const other = right[channel][number];
      const scale = one.layer.scale / left.length;
      for (let i = 0; i < values.length; i++) {
        values[i] += (one.gaps && one.gaps[i]) || (other.gaps && other.gaps[i]) ? NaN : scale * (one.codes[i] - other.codes[i]);
      }
    });
    return { layer: tile.layer, values };
  });
  const some = [];
  const first = parts[0].values;
  const every = Math.max(1, Math.floor(first.length / 100000));
  for (let i = 0; i < first.length; i += every) if (first[i] === first[i]) some.push(Math.abs(first[i]));
  some.sort((a, b) => a - b);
  const high = some[Math.round(0.995 * (some.length - 1))] || 1;
  for (const part of parts) {
    const { values, layer } = part;
    const codes = new Uint8Array(values.length);
    const gaps = new Uint8Array(values.length);
    for (let i = 0; i < codes.length; i++) {
      gaps[i] = values[i] !== values[i] ? 1 : 0;
      codes[i] = Math.max(0, Math.min(255, Math.round(127.5 + (127.5 * values[i]) / high)));
    }
    part.canvas = coloured(codes, gaps, layer, "diverging");
  }
  return { name: "residual", parts, limits: [-high, high], scale: "diverging", unit: PAGE.unit, note: "Left minus right." };
}

function coloured(codes, gaps, layer, scale) {
  const image = blank(layer);
  const context = image.getContext("2d");
  const data = context.createImageData(layer.width, layer.height);
  const pixels = new Uint32Array(data.data.buffer);
  const colours = new Uint32Array(RAMPS[scale].buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = gaps && gaps[i] ? 0 : colours[codes[i]];
  context.putImageData(data, 0, 0);
  return image;
}

function showOverlay() {
  const map = state.overlay ? overlayMap() : null;
  byId("colour-bar").hidden = !map;
  let note = state.overlay && !map ? "This map was not made for this plane and channel." : "";
  if (map) {
    const context = byId("ramp").getContext("2d");
    const image = context.createImageData(256, 1);
    image.data.set(RAMPS[map.scale]);
    context.putImageData(image, 0, 0);
    const [low, high] = map.limits;
    const step = (high - low) / 200;
    const suffix = map.unit ? ` ${map.unit}` : "";
    byId("ramp-low").textContent = written(low, step);
    byId("ramp-middle").textContent = `${written((low + high) / 2, step)}${suffix}`;
    byId("ramp-high").textContent = written(high, step);
    note = map.note;
  }
  byId("overlay-note").textContent = note;
}

function tell(ready, missing) {
  const layers = PAGE.pictures[state.right].planes[state.plane][Math.max(0, state.channel)];
  const factor = layers.length ? layers[0].factor : 1;
  let text = ready ? "" : "Unpacking the images …";
  if (missing) text = "This plane is not in the page.";
  else if (layers.length === 1 && factor > 1) text = `Thumbnail: ${factor} × ${factor} pixels averaged`;
  else if (factor > 1) text = `${factor} × ${factor} pixels averaged outside of the middle`;
  if (byId("state").textContent !== text) byId("state").textContent = text;
  showOverlay();
}

function read() {
  if (!state.cursor) return;
  const { x, y } = state.cursor;
  const left = shown(state.left);
  const right = shown(state.right);
  if (!left || !right || !left[0].length) return;
  const where = pixelSize
    ? ` (${written(x * pixelSize[1], pixelSize[1] / 10)}, ${written(y * pixelSize[0], pixelSize[0] / 10)} µm)`
    : "";
  const step = left[0][0].layer.scale;
  const texts = [left, right].map((tiles) => tiles.map((one) => valueAt(one, x, y)));
  const say = (values) => values.map((value) => written(value ?? null, step)).join(" / ");
  const parts = [
    `x ${x}, y ${y}${where}`,
    `${PAGE.pictures[state.left].name.slice(0, 40)}: ${say(texts[0])}${unit()}`,
  ];
  if (state.left !== state.right) parts.push(`${PAGE.pictures[state.right].name.slice(0, 40)}: ${say(texts[1])}${unit()}`);
  const differences = texts[0].map((value, i) => (Number.isFinite(value) && Number.isFinite(texts[1][i]) ? value - texts[1][i] : null));
  if (state.left !== state.right) parts.push(`difference: ${say(differences)}${unit()}`);
  const map = state.overlay && state.overlay !== "residual" ? overlayMap() : null;
  if (map && map.tiles) {
    parts.push(`${map.name.slice(0, 40)}: ${written(valueAt(map.tiles, x, y) ?? null, map.layer.scale)}${map.unit ? ` ${map.unit}` : ""}`);
  }
  const text = parts.join("  ·  ");
  if (byId("readout").textContent !== text) byId("readout").textContent = text;
}

function stackSliders() {
  PAGE.stack.forEach((axis, number) => {
    const box = document.createElement("label");
    const slider = document.createElement("input");
    const name = document.createElement("span");
    const said = document.createElement("output");
    name.textContent = axis.name;
    Object.assign(slider, { type: "range", min: 0, max: axis.size - 1, step: 1, id: `stack-${number}` });
    slider.addEventListener("input", () => {
      const places = place(state.plane);
      places[number] = Number(slider.value);
      setPlane(planeAt(places));
    });
    box.append(name, slider, said);
    byId("stack").append(box);
  });
  showStack();
}

function showStack() {
  place(state.plane).forEach((at, number) => {
    const axis = PAGE.stack[number];
    const far = axis.step ? ` (${written(at * axis.step, axis.step / 10)} ${axis.unit})` : "";
    const slider = byId(`stack-${number}`);
    slider.value = at;
    slider.setAttribute("aria-valuetext", `${axis.name} ${at + 1} of ${axis.size}${far}`);
    slider.nextSibling.textContent = `${at + 1} of ${axis.size}${far}`;
  });
}

function setPlane(plane) {
  const last = PAGE.pictures[0].planes.length - 1;
  state.plane = Math.max(0, Math.min(last, plane));
  showStack();
  showProfile();
  draw();
}
