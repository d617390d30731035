// The canvas: two pictures with one view, what lies over them, and the scale bar.

const canvas = byId("canvas");
let waiting = false;

function draw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    drawNow();
  });
}

function failed(error) {
  byId("state").textContent = `The images cannot be shown: ${error.message}`;
  throw error;
}

const size = () => ({ width: canvas.clientWidth, height: canvas.clientHeight });

// The part of the canvas in which one side is centred.
function frame(side) {
  const { width, height } = size();
  if (!state.beside) return { left: 0, width, height };
  const half = width / 2;
  return { left: side === "left" ? 0 : half, width: half, height };
}

function clipOf(side) {
  const { width, height } = size();
  const divider = state.beside ? width / 2 : state.swipe * width;
  return side === "left" ? [0, 0, divider, height] : [divider, 0, width - divider, height];
}

const sideAt = (x) => (x < clipOf("left")[2] ? "left" : "right");

function toScreen(side, x, y) {
  const { left, width, height } = frame(side);
  const { view } = state;
  return [left + width / 2 + (x - view.x) * view.scale, height / 2 + (y - view.y) * view.scale];
}

function toImage(x, y) {
  const { left, width, height } = frame(sideAt(x));
  const { view } = state;
  return [view.x + (x - left - width / 2) / view.scale, view.y + (y - height / 2) / view.scale];
}

function drawNow() {
  const context = canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  const { width, height } = size();
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  let ready = true;
  let missing = false;
  for (const side of ["left", "right"]) {
    const tiles = shown(state[side]);
    ready &&= tiles !== null;
    missing ||= tiles !== null && !tiles[0].length;
    context.save();
    context.beginPath();
    context.rect(...clipOf(side));
    context.clip();
    if (tiles) drawTiles(context, side, tiles);
    if (state.overlay && (state.overlaySide === "both" || state.overlaySide === side)) drawOverlay(context, side);
    drawCursor(context, side);
    drawLine(context, side);
    context.restore();
  }
  drawDivider(context, width, height);
  drawNames(context, width);
  drawScaleBar(context, width, height);
  canvas.dataset.ready = ready;
  canvas.dataset.scale = state.view.scale;
  canvas.dataset.x = state.view.x;
  canvas.dataset.y = state.view.y;
  byId("zoom").textContent = `${Number((100 * state.view.scale).toPrecision(3))} %`;
  tell(ready, missing);
  read();
}

function put(context, side, image, layer) {
  const [x, y] = toScreen(side, layer.left, layer.top);
  const { scale } = state.view;
  // the last row and column of pixels that stand for several may reach beyond the image
  const across = layer.width * layer.factor * scale;
  const down = layer.height * layer.factor * scale;
  context.imageSmoothingEnabled = state.smooth && scale * layer.factor < 1;
  context.imageSmoothingQuality = "high";
  context.drawImage(image, x, y, across, down);
}

function drawTiles(context, side, tiles) {
  const [x, y] = toScreen(side, 0, 0);
  context.fillStyle = hatching(context);
  context.fillRect(x, y, PAGE.width * state.view.scale, PAGE.height * state.view.scale);
  for (let number = 0; number < tiles[0].length; number++) {
    const same = tiles.map((one) => one[number]);
    put(context, side, painted(same), same[0].layer);
  }
}

// Where nothing was measured.
let hatched = null;
function hatching(context) {
  if (hatched) return hatched;
  const small = document.createElement("canvas");
  small.width = small.height = 8;
  const pen = small.getContext("2d");
  pen.fillStyle = "#50565c";
  pen.fillRect(0, 0, 8, 8);
  pen.fillStyle = "#6d747b";
  pen.fillRect(0, 0, 4, 4);
  pen.fillRect(4, 4, 4, 4);
  hatched = context.createPattern(small, "repeat");
  return hatched;
}

function drawOverlay(context, side) {
  const map = overlayMap();
  if (!map) return;
  context.save();
  context.globalAlpha = state.opacity;
  for (const part of map.parts) put(context, side, part.canvas, part.layer);
  context.restore();
}

function drawDivider(context, width, height) {
  const x = clipOf("left")[2];
  context.fillStyle = "rgba(0, 0, 0, 0.6)";
  context.fillRect(x - 2, 0, 4, height);
  context.fillStyle = "#fff";
  context.fillRect(x - 1, 0, 2, height);
  if (state.beside) return;
  context.beginPath();
  context.arc(x, height / 2, 13, 0, 2 * Math.PI);
  context.fill();
  context.strokeStyle = "rgba(0, 0, 0, 0.6)";
  context.stroke();
  context.beginPath();
  context.moveTo(x - 3, height / 2 - 5);
  context.lineTo(x - 8, height / 2);
  context.lineTo(x - 3, height / 2 + 5);
  context.moveTo(x + 3, height / 2 - 5);
  context.lineTo(x + 8, height / 2);
  context.lineTo(x + 3, height / 2 + 5);
  context.strokeStyle = "#222";
  context.lineWidth = 1.5;
  context.stroke();
}

function label(context, text, x, y, align) {
  context.font = "600 13px system-ui, sans-serif";
  context.textAlign = align;
  const room = Math.max(40, canvas.clientWidth / 2 - 30);
  while (text.length > 4 && context.measureText(text).width > room) text = `${text.slice(0, -2)}…`;
  const wide = context.measureText(text).width;
  context.fillStyle = "rgba(0, 0, 0, 0.62)";
  context.fillRect((align === "left" ? x : x - wide) - 6, y - 15, wide + 12, 21);
  context.fillStyle = "#fff";
  context.fillText(text, x, y);
}

function drawNames(context, width) {
  const middle = clipOf("left")[2];
  if (middle > 60) label(context, PAGE.pictures[state.left].name.slice(0, 80), 14, 24, "left");
  if (width - middle > 60) label(context, PAGE.pictures[state.right].name.slice(0, 80), width - 14, 24, "right");
}

function drawScaleBar(context, width, height) {
  if (!pixelSize) return;
  const each = state.view.scale / pixelSize[1]; // CSS pixels for a micrometre
  const length = niceBelow((width / (state.beside ? 8 : 4)) / each);
  const pixels = length * each;
  const text = length >= 1000 ? `${length / 1000} mm` : length >= 1 ? `${length} µm` : `${Number((length * 1000).toPrecision(3))} nm`;
  context.fillStyle = "rgba(0, 0, 0, 0.62)";
  context.fillRect(8, height - 38, Math.max(pixels, 40) + 12, 30);
  context.fillStyle = "#fff";
  context.fillRect(14, height - 15, pixels, 3);
  context.font = "600 12px system-ui, sans-serif";
  context.textAlign = "left";
  context.fillText(text, 14, height - 21);
}

function drawCursor(context, side) {
  if (!state.cursor) return;
  const [x, y] = toScreen(side, state.cursor.x + 0.5, state.cursor.y + 0.5);
  for (const [colour, wide] of [["rgba(0, 0, 0, 0.8)", 3], ["#fff", 1]]) {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.beginPath();
    for (const [across, down] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 4 * across, y + 4 * down);
      context.lineTo(x + 12 * across, y + 12 * down);
    }
    context.stroke();
  }
}

function drawLine(context, side) {
  if (!state.line) return;
  const { x1, y1, x2, y2 } = state.line;
  const from = toScreen(side, x1 + 0.5, y1 + 0.5);
  const to = toScreen(side, x2 + 0.5, y2 + 0.5);
  for (const [colour, wide] of [["rgba(0, 0, 0, 0.8)", 4], ["#f0c000", 2]]) {
    context.strokeStyle = colour;
    context.lineWidth = wide;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  }
  context.fillStyle = "#f0c000";
  for (const [x, y] of [from, to]) {
    context.beginPath();
    context.arc(x, y, 4, 0, 2 * Math.PI);
    context.fill();
  }
}
