// Decompression of the zlib format (RFC 1950, RFC 1951), which k6 lacks and a wallet needs for `lst`. It stops once it has `wanted`
// bytes.

const LENGTH = [];
const DISTANCE = [];
(function tables() {
  let base = 3;
  for (let i = 0; i < 28; i++) {
    const extra = i < 8 ? 0 : (i >> 2) - 1;
    LENGTH.push([base, extra]);
    base += 1 << extra;
  }
  LENGTH.push([258, 0]);
  base = 1;
  for (let i = 0; i < 30; i++) {
    const extra = i < 4 ? 0 : (i >> 1) - 1;
    DISTANCE.push([base, extra]);
    base += 1 << extra;
  }
})();
const ORDER = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

// A canonical code: for each length the first code of it, and the symbols sorted by code.
function code(lengths) {
  const count = new Uint16Array(16);
  for (const n of lengths) if (n) count[n]++;
  const symbols = [];
  for (let n = 1; n <= 15; n++) for (let s = 0; s < lengths.length; s++) if (lengths[s] === n) symbols.push(s);
  return { count, symbols };
}

class Bits {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 2; // after the zlib header
    this.hold = 0;
    this.have = 0;
  }

  take(n) {
    while (this.have < n) {
      if (this.at >= this.bytes.length) throw new Error('the compressed list is cut off');
      this.hold |= this.bytes[this.at++] << this.have;
      this.have += 8;
    }
    const v = this.hold & ((1 << n) - 1);
    this.hold >>>= n;
    this.have -= n;
    return v;
  }

  symbol(c) {
    let value = 0;
    let first = 0;
    let index = 0;
    for (let n = 1; n <= 15; n++) {
      value |= this.take(1);
      if (value - first < c.count[n]) return c.symbols[index + value - first];
      index += c.count[n];
      first = (first + c.count[n]) << 1;
      value <<= 1;
    }
    throw new Error('a code that no symbol has');
  }
}

function fixedCodes() {
  const lengths = [];
  for (let s = 0; s < 288; s++) lengths.push(s < 144 ? 8 : s < 256 ? 9 : s < 280 ? 7 : 8);
  return [code(lengths), code(new Array(30).fill(5))];
}

function dynamicCodes(bits) {
  const literals = bits.take(5) + 257;
  const distances = bits.take(5) + 1;
  const meta = new Array(19).fill(0);
  for (let i = 0, n = bits.take(4) + 4; i < n; i++) meta[ORDER[i]] = bits.take(3);
  const c = code(meta);
  const lengths = [];
  while (lengths.length < literals + distances) {
    const s = bits.symbol(c);
    if (s < 16) {
      lengths.push(s);
    } else {
      const value = s === 16 ? lengths[lengths.length - 1] : 0;
      let n = s === 16 ? 3 + bits.take(2) : s === 17 ? 3 + bits.take(3) : 11 + bits.take(7);
      while (n-- > 0) lengths.push(value);
    }
  }
  return [code(lengths.slice(0, literals)), code(lengths.slice(literals))];
}

export function inflate(bytes, wanted) {
  const bits = new Bits(bytes);
  const out = [];
  let last = 0;
  while (!last && out.length < wanted) {
    last = bits.take(1);
    const kind = bits.take(2);
    if (kind === 0) {
      bits.hold = 0;
      bits.have = 0;
      const n = bits.bytes[bits.at] | (bits.bytes[bits.at + 1] << 8);
      for (let i = 0; i < n; i++) out.push(bits.bytes[bits.at + 4 + i]);
      bits.at += 4 + n;
      continue;
    }
    const [literal, distance] = kind === 1 ? fixedCodes() : dynamicCodes(bits);
    while (out.length < wanted) {
      const s = bits.symbol(literal);
      if (s === 256) break;
      if (s < 256) {
        out.push(s);
        continue;
      }
      let n = LENGTH[s - 257][0] + bits.take(LENGTH[s - 257][1]);
      const d = DISTANCE[bits.symbol(distance)];
      const back = d[0] + bits.take(d[1]);
      if (back > out.length) throw new Error('a distance beyond the beginning');
      while (n-- > 0) out.push(out[out.length - back]);
    }
  }
  return out;
}
