// Colours that people tell apart whatever their sight: viridis for amounts, blue to orange for either side of 0.

const VIRIDIS = [
  [68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142],
  [31, 158, 137], [53, 183, 121], [109, 205, 89], [180, 222, 44], [253, 231, 37],
];
const EITHER_SIDE = [
  [8, 48, 107], [33, 113, 181], [107, 174, 214], [189, 215, 231], [247, 247, 247],
  [253, 208, 162], [253, 141, 60], [217, 72, 1], [127, 39, 4],
];

// 256 colours with opacity, as one array; those of "diverging" fade towards 0 so that the image is seen there.
function ramp(scale) {
  const stops = scale === "diverging" ? EITHER_SIDE : VIRIDIS;
  const colours = new Uint8ClampedArray(1024);
  for (let i = 0; i < 256; i++) {
    const place = (i / 255) * (stops.length - 1);
    const first = Math.min(Math.floor(place), stops.length - 2);
    for (let c = 0; c < 3; c++) {
      colours[4 * i + c] = stops[first][c] + (place - first) * (stops[first + 1][c] - stops[first][c]);
    }
    colours[4 * i + 3] = scale === "diverging" ? 255 * Math.min(1, Math.abs(i - 127.5) / 64) : 255;
  }
  return colours;
}

const RAMPS = { sequential: ramp("sequential"), diverging: ramp("diverging") };

// A number as people read it: as many digits as the step it is known to.
function written(value, step) {
  if (value === null || !Number.isFinite(value)) return "no value";
  if (value !== 0 && (Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4)) return value.toExponential(3);
  const places = step > 0 ? Math.max(0, Math.min(8, Math.ceil(-Math.log10(step)))) : 3;
  return value.toFixed(Number.isInteger(value) && step >= 1 ? 0 : places);
}

function niceBelow(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [5, 2, 1].map((factor) => factor * power).find((step) => step <= rough * (1 + 1e-9)) ?? power;
}

function niceAbove(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((factor) => factor * power).find((step) => step >= rough * (1 - 1e-9));
}
