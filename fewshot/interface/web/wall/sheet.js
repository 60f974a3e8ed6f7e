// The wall as one picture: where each drawing lies on it. Needs no page.

export const [PICTURE, SUPPORT, GAP] = [208, 26, 24]; // pixels to a side, and between two drawings
const CELL = { width: PICTURE, height: PICTURE + SUPPORT };

/**
 * @param {number} count  of the drawings, one at least
 * @returns {{width: number, height: number, places: {x: number, y: number}[]}} of the sheet, which is a little wider than
 *   it is high; and the top left corner of each drawing, whose supports lie below its picture
 */
export function layOut(count) {
  const columns = Math.ceil(Math.sqrt((count * 4) / 3));
  const rows = Math.ceil(count / columns);
  const places = Array.from({ length: count }, (_, i) => ({
    x: GAP + (i % columns) * (CELL.width + GAP),
    y: GAP + Math.floor(i / columns) * (CELL.height + GAP),
  }));
  return { width: GAP + columns * (CELL.width + GAP), height: GAP + rows * (CELL.height + GAP), places };
}
