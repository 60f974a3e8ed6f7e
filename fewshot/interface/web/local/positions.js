// Where things are in a picture, in numbers: as coordinates and as Fourier features. Needs no page.

/**
 * The coordinates of the middles of `count` pixels, from -1 to 1.
 * @param {number} count
 */
export function linspace(count) {
  return Float32Array.from({ length: count }, (_, i) => (2 * i) / (count - 1) - 1);
}

/**
 * Of each place of a square grid x, y, and sines and cosines of pi 2^k x and pi 2^k y: [side, side, 2 + 4 octaves].
 * @param {number} side
 * @param {number} octaves
 */
export function fourierPositions(side, octaves) {
  const at = linspace(side);
  const places = Array.from({ length: side * side }, (_, i) => {
    const xy = [at[i % side], at[Math.floor(i / side)]];
    const angles = Array.from({ length: octaves }, (_, k) =>
      xy.map((x) => Math.fround(x * Math.fround(Math.PI * 2 ** k))),
    );
    return [...xy, ...angles.flat().map(Math.sin), ...angles.flat().map(Math.cos)];
  });
  return Float32Array.from(places.flat());
}
