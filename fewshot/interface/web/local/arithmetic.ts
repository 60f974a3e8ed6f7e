// The kernel's arithmetic in AssemblyScript, four numbers at a time: kernel.js says what each function does, and
// `npm run kernel` compiles it into wasm.js. An address is in bytes, and so are sizes named "bytes".

const NUMBER: usize = 4; // bytes of a number
const VECTOR: usize = 16; // bytes of a vector

export function addProducts(out: usize, matrix: usize, x: usize, rows: i32, columns: i32, n: i32, step: i32): void {
  const row = <usize>columns * NUMBER;
  const next = <usize>step * NUMBER; // from one out to the next
  let j = 0;
  for (; j + 2 <= n; j += 2) {
    let weights = matrix;
    let to = out;
    let i = 0;
    for (; i + 4 <= rows; i += 4) {
      addFourProductsOfTwo(to, to + next, weights, x, x + row, row);
      weights += 4 * row;
      to += VECTOR;
    }
    addRest(to, weights, x, rows - i, row);
    addRest(to + next, weights, x + row, rows - i, row);
    out += 2 * next;
    x += 2 * row;
  }
  if (j < n) {
    let weights = matrix;
    let to = out;
    let i = 0;
    for (; i + 4 <= rows; i += 4) {
      v128.store(to, f32x4.add(v128.load(to), fourProducts(weights, x, row)));
      weights += 4 * row;
      to += VECTOR;
    }
    addRest(to, weights, x, rows - i, row);
  }
}

/** The products of the last rows, fewer than four, and x. */
function addRest(out: usize, weights: usize, x: usize, rows: i32, bytes: usize): void {
  for (let i = 0; i < rows; i++) {
    store<f32>(out, load<f32>(out) + product(weights, x, bytes));
    weights += bytes;
    out += NUMBER;
  }
}

/** The products of four rows, which follow each other, and x, and y: each weight is loaded once for both. */
// @ts-ignore: decorator
@inline
function addFourProductsOfTwo(toX: usize, toY: usize, first: usize, x: usize, y: usize, bytes: usize): void {
  const second = first + bytes;
  const third = second + bytes;
  const fourth = third + bytes;
  const whole = bytes & ~(VECTOR - 1);
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let e = a;
  let f = a;
  let g = a;
  let h = a;
  let at: usize = 0;
  for (; at < whole; at += VECTOR) {
    const ofX = v128.load(x + at);
    const ofY = v128.load(y + at);
    let weights = v128.load(first + at);
    a = f32x4.add(a, f32x4.mul(weights, ofX));
    e = f32x4.add(e, f32x4.mul(weights, ofY));
    weights = v128.load(second + at);
    b = f32x4.add(b, f32x4.mul(weights, ofX));
    f = f32x4.add(f, f32x4.mul(weights, ofY));
    weights = v128.load(third + at);
    c = f32x4.add(c, f32x4.mul(weights, ofX));
    g = f32x4.add(g, f32x4.mul(weights, ofY));
    weights = v128.load(fourth + at);
    d = f32x4.add(d, f32x4.mul(weights, ofX));
    h = f32x4.add(h, f32x4.mul(weights, ofY));
  }
  v128.store(toX, f32x4.add(v128.load(toX), withRest(fourSums(a, b, c, d), first, x, at, bytes)));
  v128.store(toY, f32x4.add(v128.load(toY), withRest(fourSums(e, f, g, h), first, y, at, bytes)));
}

/** The products of four rows, which follow each other, and x. */
// @ts-ignore: decorator
@inline
function fourProducts(first: usize, x: usize, bytes: usize): v128 {
  const second = first + bytes;
  const third = second + bytes;
  const fourth = third + bytes;
  const whole = bytes & ~(VECTOR - 1);
  let a = f32x4.splat(0);
  let b = a;
  let c = a;
  let d = a;
  let at: usize = 0;
  for (; at < whole; at += VECTOR) {
    const each = v128.load(x + at);
    a = f32x4.add(a, f32x4.mul(v128.load(first + at), each));
    b = f32x4.add(b, f32x4.mul(v128.load(second + at), each));
    c = f32x4.add(c, f32x4.mul(v128.load(third + at), each));
    d = f32x4.add(d, f32x4.mul(v128.load(fourth + at), each));
  }
  return withRest(fourSums(a, b, c, d), first, x, at, bytes);
}

/** The sums of four vectors. */
// @ts-ignore: decorator
@inline
function fourSums(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.add(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.add(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/** The same, with the products of the columns from "at" on, which fill no vector. */
// @ts-ignore: decorator
@inline
function withRest(sums: v128, first: usize, x: usize, at: usize, bytes: usize): v128 {
  for (; at < bytes; at += NUMBER) {
    let column = f32x4.splat(load<f32>(first + at));
    column = f32x4.replace_lane(column, 1, load<f32>(first + bytes + at));
    column = f32x4.replace_lane(column, 2, load<f32>(first + 2 * bytes + at));
    column = f32x4.replace_lane(column, 3, load<f32>(first + 3 * bytes + at));
    sums = f32x4.add(sums, f32x4.mul(column, f32x4.splat(load<f32>(x + at))));
  }
  return sums;
}

function product(row: usize, x: usize, bytes: usize): f32 {
  const whole = bytes & ~(VECTOR - 1);
  let four = f32x4.splat(0);
  let at: usize = 0;
  for (; at < whole; at += VECTOR) four = f32x4.add(four, f32x4.mul(v128.load(row + at), v128.load(x + at)));
  let sum = sumOf(four);
  for (; at < bytes; at += NUMBER) sum += load<f32>(row + at) * load<f32>(x + at);
  return sum;
}

export function gate(out: usize, a: usize, maps: i32, n: i32): void {
  const bytes = <usize>maps * NUMBER;
  const whole = bytes & ~(VECTOR - 1);
  for (let j = 0; j < n; j++) {
    let at: usize = 0;
    for (; at < whole; at += VECTOR) v128.store(out + at, gated(v128.load(a + at), v128.load(a + bytes + at)));
    for (; at < bytes; at += NUMBER) {
      const one = gated(v128.load32_splat(a + at), v128.load32_splat(a + bytes + at));
      store<f32>(out + at, f32x4.extract_lane(one, 0));
    }
    out += bytes;
    a += 2 * bytes;
  }
}

/** tanh(features) sigmoid(gates), with two exponentials and one division. */
// @ts-ignore: decorator
@inline
function gated(features: v128, gates: v128): v128 {
  const one = f32x4.splat(1);
  const most = f32x4.splat(20); // tanh of it is 1
  const e = exponential(f32x4.mul(f32x4.min(features, most), f32x4.splat(2)));
  const divisor = f32x4.mul(f32x4.add(e, one), f32x4.add(exponential(f32x4.neg(gates)), one));
  return f32x4.div(f32x4.sub(e, one), divisor);
}

export function softmax(x: usize, count: i32): void {
  const end = x + <usize>count * NUMBER;
  const whole = end - ((end - x) & (VECTOR - 1));
  let largest = load<f32>(x);
  for (let at = x; at < end; at += NUMBER) largest = max(largest, load<f32>(at));
  const shift = f32x4.splat(largest);
  let sums = f32x4.splat(0);
  let sum: f32 = 0;
  let at = x;
  for (; at < whole; at += VECTOR) {
    const e = exponential(f32x4.sub(v128.load(at), shift));
    sums = f32x4.add(sums, e);
    v128.store(at, e);
  }
  for (; at < end; at += NUMBER) {
    const e = f32x4.extract_lane(exponential(f32x4.splat(load<f32>(at) - largest)), 0);
    sum += e;
    store<f32>(at, e);
  }
  const factor: f32 = <f32>1 / (sum + sumOf(sums));
  for (at = x; at < whole; at += VECTOR) v128.store(at, f32x4.mul(v128.load(at), f32x4.splat(factor)));
  for (; at < end; at += NUMBER) store<f32>(at, load<f32>(at) * factor);
}

export function add(out: usize, x: usize, count: i32, n: i32): void {
  const bytes = <usize>count * NUMBER;
  const whole = bytes & ~(VECTOR - 1);
  for (let j = 0; j < n; j++) {
    let at: usize = 0;
    for (; at < whole; at += VECTOR) v128.store(out + at, f32x4.add(v128.load(out + at), v128.load(x + at)));
    for (; at < bytes; at += NUMBER) store<f32>(out + at, load<f32>(out + at) + load<f32>(x + at));
    out += bytes;
  }
}

export function relu(x: usize, count: i32): void {
  const end = x + <usize>count * NUMBER;
  for (let at = x; at < end; at += NUMBER) store<f32>(at, max(load<f32>(at), 0));
}

// @ts-ignore: decorator
@inline
function sumOf(four: v128): f32 {
  const two = f32x4.add(four, v128.shuffle<f32>(four, four, 2, 3, 0, 1));
  return f32x4.extract_lane(two, 0) + f32x4.extract_lane(two, 1);
}

// exp(x) = 2^n exp(r), with a whole n and |r| <= ln 2 / 2, where a polynomial is exact to float32: as in Cephes.
const LEAST: f32 = -87; // below, 2^n is too small for float32
const MOST: f32 = 88;
const LOG2_E: f32 = 1.44269504;
const LN_2: f32 = 0.693359375; // with few digits, so that its products with n are exact
const LN_2_REST: f32 = -2.12194440e-4;

// @ts-ignore: decorator
@inline
function exponential(x: v128): v128 {
  x = f32x4.max(f32x4.min(x, f32x4.splat(MOST)), f32x4.splat(LEAST));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(LOG2_E)));
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(LN_2))), f32x4.mul(n, f32x4.splat(LN_2_REST)));
  let p = f32x4.splat(1.9875691500e-4);
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.3981999507e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(8.3334519073e-3));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(4.1665795894e-2));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(1.6666665459e-1));
  p = f32x4.add(f32x4.mul(p, r), f32x4.splat(5.0000001201e-1));
  p = f32x4.add(f32x4.mul(f32x4.mul(p, r), r), f32x4.add(r, f32x4.splat(1)));
  const exponent = i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127));
  return f32x4.mul(p, i32x4.shl(exponent, 23));
}
