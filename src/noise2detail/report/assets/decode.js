// Streams of bytes back to whole numbers: the reverse of coding.py.

const HEAD = document.getElementById("page-data");
const PAGE = HEAD ? JSON.parse(HEAD.textContent) : null;

const byId = (id) => document.getElementById(id);

async function bytesOf(number) {
  const text = atob(byId(`stream-${number}`).textContent);
  const packed = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) packed[i] = text.charCodeAt(i);
  const opened = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(opened).arrayBuffer());
}

// What the prediction missed, added to the prediction; base is null where neighbours predict.
function predicted(bytes, width, height, base) {
  const size = width * height;
  const codes = new Uint16Array(size);
  for (let i = 0; i < size; i++) {
    const folded = bytes[i] | (bytes[size + i] << 8);
    codes[i] = (folded >> 1) ^ -(folded & 1);
  }
  if (base) {
    for (let i = 0; i < size; i++) codes[i] += base[i];
    return codes;
  }
  for (let x = 1; x < width; x++) codes[x] += codes[x - 1];
  for (let y = 1; y < height; y++) {
    let i = y * width;
    codes[i] += codes[i - width];
    for (let end = i + width - 1; i < end; ) {
      const left = codes[i];
      i++;
      const up = codes[i - width];
      const corner = codes[i - width - 1];
      const low = left < up ? left : up;
      const high = left < up ? up : left;
      codes[i] += corner >= high ? low : corner <= low ? high : left + up - corner;
    }
  }
  return codes;
}

// A tile is one layer, ready to be looked at: value = offset + scale * code.
async function decoded(layer, anchor) {
  const { width, height, step } = layer;
  let base = null;
  if (layer.base !== null) {
    base = new Uint16Array(width * height);
    for (let i = 0; i < base.length; i++) base[i] = (anchor.plain[i] * anchor.layer.step) / step;
  }
  const plain = predicted(await bytesOf(layer.data), width, height, base);
  const codes = step === 1 ? plain : new Uint16Array(plain.length);
  const middle = (step - 1) >> 1;
  if (step > 1) for (let i = 0; i < codes.length; i++) codes[i] = plain[i] * step + middle;
  const gaps = layer.gaps === null ? null : predicted(await bytesOf(layer.gaps), width, height, null);
  return { layer, plain, codes, gaps, canvas: null, painted: "" };
}
