// How an image becomes a network's input, by the three rules that model.json names: the same numbers as OpenCV and Pillow,
// to the last bit. A canvas would not do: each browser scales in its own way.

const CHANNELS = 3;

/**
 * Resize an image.
 *
 * image: {data, width, height}, data a Uint8ClampedArray of red, green, blue and alpha of each pixel.
 * Returns a Uint8Array of red, green and blue, height x width x 3.
 */
export function resize(image, width, height, rule) {
  const source = { width: image.width, height: image.height, data: dropAlpha(image.data) };
  if (source.width === width && source.height === height) return source.data;
  if (rule === "antialias") return smooth(source, width, height);
  if (rule === "bilinear") return mix(source, width, height);
  const grows = width > source.width || height > source.height;
  return grows ? mixWhole(source, width, height) : average(source, width, height);
}

function dropAlpha(data) {
  const colors = new Uint8Array((data.length / 4) * CHANNELS);
  for (let from = 0, to = 0; from < data.length; from += 4) {
    colors[to++] = data[from];
    colors[to++] = data[from + 1];
    colors[to++] = data[from + 2];
  }
  return colors;
}

function roundHalfToEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}

// OpenCV's INTER_LINEAR in floating point: the four nearest pixels.
function mix(source, width, height) {
  const columns = findPairs(source.width, width, "exact");
  const rows = findPairs(source.height, height, "exact");
  const lean = (from, to, share) => Math.fround(from + Math.fround(to - from) * share);
  return combine(source, columns, rows, (corners, column, row) => {
    const top = lean(corners[0], corners[1], column.share);
    return roundHalfToEven(lean(top, lean(corners[2], corners[3], column.share), row.share));
  });
}

const ONE = 2048; // as which a share of 1 counts in whole numbers

// INTER_LINEAR in whole numbers, and INTER_AREA where one side grows: the same with other shares.
function mixWhole(source, width, height) {
  const kind = width < source.width || height < source.height ? "area" : "single";
  const columns = findPairs(source.width, width, kind).map(toWhole);
  const rows = findPairs(source.height, height, kind).map(toWhole);
  return combine(source, columns, rows, (corners, column, row) => {
    const top = (corners[0] * column.rest + corners[1] * column.share) >> 4;
    const bottom = (corners[2] * column.rest + corners[3] * column.share) >> 4;
    return (((top * row.rest) >> 16) + ((bottom * row.share) >> 16) + 2) >> 2;
  });
}

function toWhole({ first, last, share }) {
  return { first, last, share: roundHalfToEven(share * ONE), rest: roundHalfToEven(Math.fround(1 - share) * ONE) };
}

function combine({ data, width }, columns, rows, blend) {
  const result = new Uint8Array(rows.length * columns.length * CHANNELS);
  const corners = [0, 0, 0, 0];
  let to = 0;
  for (const row of rows) {
    const top = row.first * width;
    const bottom = row.last * width;
    for (const column of columns) {
      for (let c = 0; c < CHANNELS; c++) {
        corners[0] = data[(top + column.first) * CHANNELS + c];
        corners[1] = data[(top + column.last) * CHANNELS + c];
        corners[2] = data[(bottom + column.first) * CHANNELS + c];
        corners[3] = data[(bottom + column.last) * CHANNELS + c];
        result[to++] = blend(corners, column, row);
      }
    }
  }
  return result;
}

// For each new place the two old ones that it lies between, and the share of the second. OpenCV rounds to single precision
// at these very places.
function findPairs(old, now, kind) {
  const growth = now / old;
  const scale = 1 / growth; // at times not old / now, by the last bit
  return Array.from({ length: now }, (_, place) => {
    const center = (place + 0.5) * scale - 0.5;
    const at = { exact: center, single: Math.fround(center), area: place * scale }[kind];
    const first = Math.floor(at);
    const part = Math.max(0, Math.fround(place + 1 - (first + 1) * growth));
    const share = kind === "area" ? part - Math.floor(part) : at - first;
    const within = (index) => Math.max(0, Math.min(index, old - 1));
    return { first: within(first), last: within(first + 1), share: Math.fround(share) };
  });
}

// OpenCV's INTER_AREA where no side grows: the mean over the area of each new pixel.
function average(source, width, height) {
  const whole = source.width % width === 0 && source.height % height === 0;
  return whole ? averageBlocks(source, width, height) : averageParts(source, width, height);
}

function averageBlocks(source, width, height) {
  const { data } = source;
  const across = source.width / width;
  const down = source.height / height;
  const share = Math.fround(1 / (across * down));
  const round = across === 2 && down === 2 ? (sum) => (sum + 2) >> 2 : (sum) => roundHalfToEven(Math.fround(sum * share));
  const result = new Uint8Array(width * height * CHANNELS);
  let to = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < CHANNELS; c++) {
        let sum = 0;
        for (let row = y * down; row < (y + 1) * down; row++) {
          const from = (row * source.width + x * across) * CHANNELS + c;
          for (let step = 0; step < across; step++) sum += data[from + step * CHANNELS];
        }
        result[to++] = round(sum);
      }
    }
  }
  return result;
}

function averageParts(source, width, height) {
  const columns = findParts(source.width, width);
  const rows = findParts(source.height, height);
  const sums = new Float32Array(width * CHANNELS); // they round to single precision as OpenCV does
  const line = new Float32Array(width * CHANNELS);
  const result = new Uint8Array(height * sums.length);
  for (let y = 0; y < height; y++) {
    sums.fill(0);
    for (let part = rows.starts[y]; part < rows.starts[y + 1]; part++) {
      averageLine(source.data, rows.places[part] * source.width * CHANNELS, columns, line);
      for (let at = 0; at < sums.length; at++) sums[at] += Math.fround(line[at] * rows.shares[part]);
    }
    for (let at = 0; at < sums.length; at++) result[y * sums.length + at] = roundHalfToEven(sums[at]);
  }
  return result;
}

function averageLine(data, start, { starts, places, shares }, line) {
  line.fill(0);
  for (let to = 0, x = 0; to < line.length; to += CHANNELS, x++) {
    for (let part = starts[x]; part < starts[x + 1]; part++) {
      const from = start + places[part] * CHANNELS;
      const share = shares[part];
      line[to] += Math.fround(data[from] * share);
      line[to + 1] += Math.fround(data[from + 1] * share);
      line[to + 2] += Math.fround(data[from + 2] * share);
    }
  }
}

const LEAST = 1e-3; // a smaller rest of a pixel counts as none

// For each new place the old ones that it covers, those from starts[place] up to starts[place + 1], with the share of its
// area that each has.
function findParts(old, now) {
  const scale = old / now;
  const starts = [0];
  const parts = [];
  for (let place = 0; place < now; place++) {
    const begin = place * scale;
    const end = begin + scale;
    const width = Math.min(scale, old - begin);
    const last = Math.min(Math.floor(end), old - 1);
    const first = Math.min(Math.ceil(begin), last);
    if (first - begin > LEAST) parts.push([first - 1, (first - begin) / width]);
    for (let at = first; at < last; at++) parts.push([at, 1 / width]);
    if (end - last > LEAST) parts.push([last, Math.min(end - last, 1, width) / width]);
    starts.push(parts.length);
  }
  return { starts, places: parts.map(([at]) => at), shares: Float32Array.from(parts, ([, share]) => share) };
}

// Pillow's BILINEAR: a triangle as wide as a new pixel, along the rows and along the columns, in whole numbers. Which is
// first is that of Pillow 13 (python-pillow/Pillow#9549); earlier ones always began with the rows.
function smooth(source, width, height) {
  const less = source.height - height;
  const rowsFirst = less <= 0 || less <= 2 * (source.width - width);
  const steps = rowsFirst ? [smoothRows, smoothColumns] : [smoothColumns, smoothRows];
  return steps.reduce((image, step) => step(image, width, height), source).data;
}

function smoothRows(image, width) {
  const { height } = image;
  const data = new Uint8ClampedArray(width * height * CHANNELS);
  const lines = { count: height, from: image.width * CHANNELS, to: width * CHANNELS };
  weigh(image.data, data, findTriangles(image.width, width), lines, { from: CHANNELS, to: CHANNELS });
  return { data, width, height };
}

function smoothColumns(image, _, height) {
  const { width } = image;
  const data = new Uint8ClampedArray(width * height * CHANNELS);
  const step = { from: width * CHANNELS, to: width * CHANNELS };
  weigh(image.data, data, findTriangles(image.height, height), { count: width, from: CHANNELS, to: CHANNELS }, step);
  return { data, width, height };
}

const BITS = 22; // of the weights behind the point

// lines, step: how far apart two lines, and two neighbours of one line, are in what is read and in what is written.
function weigh(data, result, triangles, lines, step) {
  triangles.forEach(({ first, weights }, place) => {
    for (let line = 0; line < lines.count; line++) {
      for (let c = 0; c < CHANNELS; c++) {
        let from = line * lines.from + first * step.from + c;
        let sum = 1 << (BITS - 1);
        for (let at = 0; at < weights.length; at++, from += step.from) sum += data[from] * weights[at];
        result[line * lines.to + place * step.to + c] = sum >> BITS;
      }
    }
  });
}

function findTriangles(old, now) {
  const scale = old / now;
  const reach = Math.max(scale, 1);
  return Array.from({ length: now }, (_, place) => {
    const center = (place + 0.5) * scale;
    const first = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(old, Math.trunc(center + reach + 0.5));
    const plain = Array.from({ length: end - first }, (_, at) => {
      return Math.max(0, 1 - Math.abs((at + first - center + 0.5) * (1 / reach)));
    });
    const total = plain.reduce((a, b) => a + b, 0);
    return { first, weights: plain.map((weight) => Math.trunc(0.5 + (weight / total) * (1 << BITS))) };
  });
}
