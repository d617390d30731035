// Decoded planes, kept while there is room for them, and their colours.

const kept = new Map();
const MOST_PIXELS = 1 << 26;

// Tiles of one channel of a plane of a picture, the coarsest first.
function tilesOf(picture, plane, channel) {
  const key = `${picture}/${plane}/${channel}`;
  if (!kept.has(key)) {
    kept.set(key, { tiles: null, promise: load(picture, plane, channel).then((tiles) => (kept.get(key).tiles = tiles)) });
  }
  const entry = kept.get(key);
  kept.delete(key); // the last in the map is the last that was used
  kept.set(key, entry);
  return entry;
}

async function load(picture, plane, channel) {
  const layers = PAGE.pictures[picture].planes[plane][channel];
  return Promise.all(
    layers.map(async (layer, number) => {
      const anchor = layer.base === null ? null : (await tilesOf(layer.base, plane, channel).promise)[number];
      return decoded(layer, anchor);
    }),
  );
}

function forget() {
  let pixels = 0;
  for (const [key, entry] of [...kept].reverse()) {
    if (!entry.tiles) continue;
    for (const tile of entry.tiles) pixels += tile.codes.length;
    if (pixels > MOST_PIXELS) kept.delete(key);
  }
}

// All tiles of one side that the present choice needs, by channel; null while they are decoded.
function shown(picture) {
  const entries = channels().map((channel) => tilesOf(picture, state.plane, channel));
  if (entries.every((entry) => entry.tiles)) return entries.map((entry) => entry.tiles);
  Promise.all(entries.map((entry) => entry.promise)).then(() => {
    forget();
    draw();
  }, failed);
  return null;
}

// False while a picture of now is still decoded.
const unpacked = () => [state.left, state.right].every((picture) => shown(picture) !== null);

// Grey of each code, 0 to 255.
function greys(layer) {
  const table = new Uint8ClampedArray(65536);
  const width = state.high - state.low || Number.MIN_VALUE;
  for (let code = 0; code < 65536; code++) {
    const share = (layer.offset + layer.scale * code - state.low) / width;
    table[code] = 255 * Math.max(0, Math.min(1, share)) ** (1 / state.gamma) + 0.5;
  }
  return table;
}

function blank(layer) {
  const canvas = document.createElement("canvas");
  canvas.width = layer.width;
  canvas.height = layer.height;
  return canvas;
}

// The canvas of a tile (of three tiles for colours) with the contrast of now; pixels without value stay clear.
function painted(tiles) {
  const first = tiles[0];
  const look = `${state.low} ${state.high} ${state.gamma} ${tiles.length}`;
  if (first.painted === look) return first.canvas;
  first.canvas ??= blank(first.layer);
  const context = first.canvas.getContext("2d");
  const image = context.createImageData(first.layer.width, first.layer.height);
  const pixels = new Uint32Array(image.data.buffer);
  const [red, green, blue] = tiles.length === 3 ? tiles : [first, first, first];
  const reds = greys(red.layer);
  const greens = green === red ? reds : greys(green.layer);
  const blues = blue === red ? reds : greys(blue.layer);
  for (let i = 0; i < pixels.length; i++) {
    pixels[i] = 0xff000000 | (blues[blue.codes[i]] << 16) | (greens[green.codes[i]] << 8) | reds[red.codes[i]];
  }
  for (const { gaps } of tiles) if (gaps) for (let i = 0; i < pixels.length; i++) if (gaps[i]) pixels[i] = 0;
  context.putImageData(image, 0, 0);
  first.painted = look;
  return first.canvas;
}

// Value of a tile at a pixel of the image; undefined outside of it, null where nothing was measured.
function valueIn(tile, x, y) {
  const { layer } = tile;
  const column = Math.floor((x - layer.left) / layer.factor);
  const row = Math.floor((y - layer.top) / layer.factor);
  if (column < 0 || row < 0 || column >= layer.width || row >= layer.height) return undefined;
  const i = row * layer.width + column;
  if (tile.gaps && tile.gaps[i]) return null;
  return layer.offset + layer.scale * (tile.codes[i] + (layer.step > 1 && layer.step % 2 === 0 ? 0.5 : 0));
}

// Of the finest tile that has the pixel.
function valueAt(tiles, x, y) {
  for (let number = tiles.length - 1; number >= 0; number--) {
    const value = valueIn(tiles[number], x, y);
    if (value !== undefined) return value;
  }
  return undefined;
}

// How many values there are of each grey level of a picture, coarsest tile, as [value, count] ends of a share.
function percentiles(shares) {
  const values = [];
  for (const picture of new Set([state.left, state.right])) {
    const sides = shown(picture);
    if (!sides) return null;
    for (const tiles of sides) {
      const tile = tiles[0];
      if (!tile) continue;
      const every = Math.max(1, Math.floor(tile.codes.length / 200000));
      for (let i = 0; i < tile.codes.length; i += every) {
        if (!tile.gaps || !tile.gaps[i]) values.push(tile.layer.offset + tile.layer.scale * tile.codes[i]);
      }
    }
  }
  if (!values.length) return shares.map(() => 0);
  const sorted = Float64Array.from(values).sort();
  return shares.map((share) => sorted[Math.round(share * (sorted.length - 1))]);
}
