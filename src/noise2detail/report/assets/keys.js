// Mouse, touch, wheel and keys on the image.

const MOST = 64; // CSS pixels for one of the image

function bounded() {
  const { view } = state;
  view.x = Math.max(0, Math.min(PAGE.width, view.x));
  view.y = Math.max(0, Math.min(PAGE.height, view.y));
  draw();
}

function fitScale() {
  const { width, height } = frame("left");
  return Math.min(width / PAGE.width, height / PAGE.height);
}

function fit() {
  state.view = { x: PAGE.width / 2, y: PAGE.height / 2, scale: fitScale() };
  state.fitted = true;
  draw();
}

// The place below (x, y) of the canvas stays there.
function zoom(factor, x, y) {
  const { left, width, height } = frame("left");
  const [atX, atY] = [x ?? left + width / 2, y ?? height / 2];
  const [beforeX, beforeY] = toImage(atX, atY);
  state.view.scale = Math.max(Math.min(1, fitScale()) / 2, Math.min(MOST, state.view.scale * factor));
  const [afterX, afterY] = toImage(atX, atY);
  state.view.x += beforeX - afterX;
  state.view.y += beforeY - afterY;
  state.fitted = false;
  bounded();
}

function pan(x, y) {
  state.view.x -= x / state.view.scale;
  state.view.y -= y / state.view.scale;
  state.fitted = false;
  bounded();
}

function setSwipe(share) {
  state.swipe = Math.max(0, Math.min(1, share));
  const slider = byId("swipe");
  slider.value = Math.round(1000 * state.swipe);
  slider.setAttribute("aria-valuetext", `left image on ${Math.round(100 * state.swipe)} % of the width`);
  draw();
}

function setCursor(x, y) {
  const [column, row] = [Math.floor(x), Math.floor(y)];
  const inside = column >= 0 && row >= 0 && column < PAGE.width && row < PAGE.height;
  if (!inside) return;
  state.cursor = { x: column, y: row };
  draw();
}

const pointers = new Map();
let dragging = "";

function at(event) {
  const box = canvas.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function down(event) {
  const [x, y] = at(event);
  canvas.setPointerCapture(event.pointerId);
  pointers.set(event.pointerId, [x, y]);
  const near = !state.beside && Math.abs(x - clipOf("left")[2]) < 16;
  if (pointers.size > 1) dragging = "pinch";
  else if (state.tool === "line") startLine(x, y);
  else dragging = near ? "divider" : "pan";
}

function startLine(x, y) {
  dragging = "line";
  const [column, row] = toImage(x, y);
  setLine({ x1: column - 0.5, y1: row - 0.5, x2: column - 0.5, y2: row - 0.5 });
}

function moved(event) {
  const [x, y] = at(event);
  const before = pointers.get(event.pointerId);
  if (!before) {
    setCursor(...toImage(x, y));
    canvas.style.cursor = state.tool === "line" ? "crosshair" : !state.beside && Math.abs(x - clipOf("left")[2]) < 16 ? "ew-resize" : "grab";
    return;
  }
  if (dragging === "pinch") pinch(event.pointerId, [x, y]);
  else if (dragging === "divider") setSwipe(x / size().width);
  else if (dragging === "line") {
    const [column, row] = toImage(x, y);
    setLine({ ...state.line, x2: column - 0.5, y2: row - 0.5 });
  } else pan(x - before[0], y - before[1]);
  pointers.set(event.pointerId, [x, y]);
}

function pinch(id, now) {
  const other = [...pointers].find(([key]) => key !== id);
  if (!other) return;
  const before = pointers.get(id);
  const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
  pan((now[0] - before[0]) / 2, (now[1] - before[1]) / 2);
  zoom(apart(now, other[1]) / apart(before, other[1]), (now[0] + other[1][0]) / 2, (now[1] + other[1][1]) / 2);
}

function up(event) {
  pointers.delete(event.pointerId);
  if (dragging === "line") setTool("pan");
  dragging = pointers.size ? "pan" : "";
}

function setTool(tool) {
  state.tool = tool;
  byId("draw-line").setAttribute("aria-pressed", tool === "line");
}

function choosePicture(side, number) {
  const count = PAGE.pictures.length;
  state[side] = ((number % count) + count) % count;
  byId(side).value = state[side];
  nameCanvas();
  showProfile();
  draw();
}

function nameCanvas() {
  const [left, right] = [state.left, state.right].map((number) => PAGE.pictures[number].name.slice(0, 80));
  canvas.setAttribute("aria-label", `Two images with a divider: ${left} on the left, ${right} on the right`);
}

function swap() {
  const { left, right } = state;
  choosePicture("left", right);
  choosePicture("right", left);
}

function nextOverlay() {
  const choices = ["", ...overlayNames()];
  setOverlay(choices[(choices.indexOf(state.overlay) + 1) % choices.length]);
}

function setOverlay(name) {
  state.overlay = name;
  byId("overlay").value = ["", ...overlayNames()].indexOf(name);
  draw();
}

function setBeside(beside) {
  state.beside = beside;
  byId("beside").checked = beside;
  byId("swipe-box").hidden = beside;
  if (state.fitted) fit();
  draw();
}

const STEP = 40;

function moveCursor(x, y) {
  const from = state.cursor ?? { x: Math.floor(state.view.x), y: Math.floor(state.view.y) };
  byId("readout").setAttribute("aria-live", "polite");
  setCursor(from.x + x, from.y + y);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const ON_KEY = {
  "+": () => zoom(1.25),
  "=": () => zoom(1.25),
  "-": () => zoom(0.8),
  0: fit,
  1: () => zoom(1 / (window.devicePixelRatio || 1) / state.view.scale),
  ",": () => setSwipe(state.swipe - 0.02),
  ".": () => setSwipe(state.swipe + 0.02),
  x: swap,
  a: () => choosePicture("left", state.left + 1),
  A: () => choosePicture("left", state.left - 1),
  b: () => choosePicture("right", state.right + 1),
  B: () => choosePicture("right", state.right - 1),
  s: () => setBeside(!state.beside),
  PageUp: () => setPlane(state.plane - 1),
  PageDown: () => setPlane(state.plane + 1),
  c: automatic,
  o: nextOverlay,
  l: () => setTool(state.tool === "line" ? "pan" : "line"),
  Escape: () => setTool("pan"),
};

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const arrow = ARROWS[event.key];
  if (arrow && event.shiftKey) moveCursor(...arrow);
  else if (arrow) pan(-STEP * arrow[0], -STEP * arrow[1]);
  else if (Object.hasOwn(ON_KEY, event.key)) ON_KEY[event.key]();
  else return;
  event.preventDefault();
}
