// The arithmetic of the networks: products with matrices, and the gate. Nearly all of the time is spent here. Needs no
// page.
//
// Matrices are [rows, columns], row by row. The inner loops keep four rows, and two inputs where there are as many, in
// local variables, so that each number that is loaded serves two to four products.

/** @typedef {Float32Array} Floats */

/**
 * Adds to each out [n, rows] the product of a matrix [rows, columns] and x [n, columns].
 * @param {Floats} out
 * @param {Floats} matrix
 * @param {Floats} x
 * @param {number} rows
 * @param {number} columns
 * @param {number} [n]
 */
export function addProducts(out, matrix, x, rows, columns, n = 1) {
  const fours = rows - (rows % 4);
  const twos = n - (n % 2);
  for (let j = 0; j < twos; j += 2) addTwo(out, matrix, x, rows, columns, j, fours);
  for (let j = twos; j < n; j++) addOne(out, matrix, x, rows, columns, j, fours);
  for (let j = 0; j < n; j++) addRest(out, matrix, x, rows, columns, j, fours);
}

/**
 * Of the inputs j and j + 1, the first rows, a multiple of four.
 * @param {Floats} out
 * @param {Floats} matrix
 * @param {Floats} x
 * @param {number} rows
 * @param {number} columns
 * @param {number} j
 * @param {number} fours
 */
function addTwo(out, matrix, x, rows, columns, j, fours) {
  const x0 = j * columns;
  const x1 = x0 + columns;
  for (let i = 0; i < fours; i += 4) {
    const m0 = i * columns;
    const m1 = m0 + columns;
    const m2 = m1 + columns;
    const m3 = m2 + columns;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    let b0 = 0;
    let b1 = 0;
    let b2 = 0;
    let b3 = 0;
    for (let k = 0; k < columns; k++) {
      const a = x[x0 + k];
      const b = x[x1 + k];
      const w0 = matrix[m0 + k];
      const w1 = matrix[m1 + k];
      const w2 = matrix[m2 + k];
      const w3 = matrix[m3 + k];
      a0 += w0 * a;
      a1 += w1 * a;
      a2 += w2 * a;
      a3 += w3 * a;
      b0 += w0 * b;
      b1 += w1 * b;
      b2 += w2 * b;
      b3 += w3 * b;
    }
    const at = j * rows + i;
    out[at] += a0;
    out[at + 1] += a1;
    out[at + 2] += a2;
    out[at + 3] += a3;
    out[at + rows] += b0;
    out[at + rows + 1] += b1;
    out[at + rows + 2] += b2;
    out[at + rows + 3] += b3;
  }
}

/**
 * Of the input j, the first rows, a multiple of four.
 * @param {Floats} out
 * @param {Floats} matrix
 * @param {Floats} x
 * @param {number} rows
 * @param {number} columns
 * @param {number} j
 * @param {number} fours
 */
function addOne(out, matrix, x, rows, columns, j, fours) {
  const x0 = j * columns;
  for (let i = 0; i < fours; i += 4) {
    const m0 = i * columns;
    const m1 = m0 + columns;
    const m2 = m1 + columns;
    const m3 = m2 + columns;
    let a0 = 0;
    let a1 = 0;
    let a2 = 0;
    let a3 = 0;
    for (let k = 0; k < columns; k++) {
      const a = x[x0 + k];
      a0 += matrix[m0 + k] * a;
      a1 += matrix[m1 + k] * a;
      a2 += matrix[m2 + k] * a;
      a3 += matrix[m3 + k] * a;
    }
    const at = j * rows + i;
    out[at] += a0;
    out[at + 1] += a1;
    out[at + 2] += a2;
    out[at + 3] += a3;
  }
}

/**
 * Of the input j, the rows that are left.
 * @param {Floats} out
 * @param {Floats} matrix
 * @param {Floats} x
 * @param {number} rows
 * @param {number} columns
 * @param {number} j
 * @param {number} from
 */
function addRest(out, matrix, x, rows, columns, j, from) {
  for (let i = from; i < rows; i++) {
    let sum = 0;
    for (let k = 0; k < columns; k++) sum += matrix[i * columns + k] * x[j * columns + k];
    out[j * rows + i] += sum;
  }
}

const NEARLY_ONE = 20; // tanh of it is 1 in float32, and no exponential of it overflows

/**
 * tanh(features) sigmoid(gates), with two exponentials and one division: out [n, maps] of a [n, 2 maps].
 * @param {Floats} out
 * @param {Floats} a  features, then gates
 * @param {number} maps
 * @param {number} [n]
 */
export function gate(out, a, maps, n = 1) {
  for (let j = 0; j < n; j++) {
    const features = 2 * j * maps;
    for (let i = 0; i < maps; i++) {
      const e = Math.exp(2 * Math.min(a[features + i], NEARLY_ONE));
      out[j * maps + i] = (e - 1) / ((e + 1) * (1 + Math.exp(-a[features + maps + i])));
    }
  }
}

/**
 * @param {Floats} out
 * @param {Floats} x
 */
export function add(out, x) {
  for (let i = 0; i < x.length; i++) out[i] += x[i];
}

/** @param {Floats} x */
export function relu(x) {
  for (let i = 0; i < x.length; i++) x[i] = Math.max(x[i], 0);
}

/**
 * Softmax of the first `count` numbers, in place.
 * @param {Floats} x
 * @param {number} count
 */
export function softmax(x, count) {
  let largest = x[0];
  for (let i = 1; i < count; i++) largest = Math.max(largest, x[i]);
  let sum = 0;
  for (let i = 0; i < count; i++) {
    x[i] = Math.exp(x[i] - largest);
    sum += x[i];
  }
  for (let i = 0; i < count; i++) x[i] /= sum;
}
