// What is shown at this moment; every control writes here and asks for a new drawing.

const state = {
  left: 0,
  right: PAGE && PAGE.pictures.length > 1 ? 1 : 0,
  plane: PAGE ? PAGE.chosen : 0,
  channel: PAGE && PAGE.colour ? -1 : 0, // -1: all three as colours
  swipe: 0.5,
  beside: false,
  smooth: false,
  low: 0,
  high: 1,
  gamma: 1,
  overlay: "",
  overlaySide: "both",
  opacity: 0.7,
  view: { x: 0, y: 0, scale: 1 }, // centre in pixels of the image; CSS pixels for each of its pixels
  fitted: true,
  tool: "pan",
  line: null, // { x1, y1, x2, y2 } in pixels
  cursor: null, // { x, y } in pixels, whole numbers
};

const channels = () => (state.channel < 0 ? [0, 1, 2] : [state.channel]);

const unit = () => (PAGE.unit ? ` ${PAGE.unit}` : "");

// Micrometres for one pixel, along y and x; null where nobody knows.
const pixelSize = PAGE ? PAGE.pixelSize : null;

function place(plane) {
  const places = [];
  for (const axis of [...PAGE.stack].reverse()) {
    places.unshift(plane % axis.size);
    plane = Math.floor(plane / axis.size);
  }
  return places;
}

function planeAt(places) {
  return PAGE.stack.reduce((plane, axis, number) => plane * axis.size + places[number], 0);
}
