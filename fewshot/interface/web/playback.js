// The clock of playback: how many pixels are on the screen. Several players may share one. Needs no page.
//
// A player joins with a track, what there is to show of its picture, and is told of each change. A picture that is
// still being drawn holds the clock up at its last finished pixel; finished ones do not.

/**
 * @typedef {object} Track
 * @property {() => number} available  pixels that can be shown
 * @property {() => boolean} growing  whether more will come
 * @property {(elapsed?: number) => void} changed  milliseconds since the last frame, while it plays
 */

/** @typedef {ReturnType<typeof createPlayback>} Playback */

const LONGEST = 100; // milliseconds that a frame counts for: who comes back to a hidden page has missed nothing
const SPEED = 100; // pixels/s, until it is set

/** The browser's frames; a test brings its own. */
const FRAMES = {
  now: () => performance.now(),
  /** @param {(now: number) => void} frame */
  request: (frame) => requestAnimationFrame(frame),
  /** @param {number} id */
  cancel: (id) => cancelAnimationFrame(id),
};

export function createPlayback(frames = FRAMES) {
  /** @type {Set<Track>} */
  const tracks = new Set();
  let position = 0; // a fraction while it plays
  let speed = SPEED;
  let asked = 0; // the next frame's number; 0 while it does not play
  let last = 0;

  const growing = () => [...tracks].filter((track) => track.growing());

  function available() {
    const held = growing();
    if (held.length) return Math.min(...held.map((track) => track.available()));
    return Math.max(0, ...[...tracks].map((track) => track.available()));
  }

  /** @param {number} [elapsed] */
  function tell(elapsed) {
    for (const track of tracks) track.changed(elapsed);
  }

  function halt() {
    if (asked) frames.cancel(asked);
    asked = 0;
  }

  /** @param {number} now */
  function frame(now) {
    const elapsed = Math.min(now - last, LONGEST);
    last = now;
    position = Math.min(position + (elapsed / 1000) * speed, Math.max(position, available()));
    asked = position < available() || growing().length ? frames.request(frame) : 0;
    tell(elapsed);
  }

  function play() {
    if (!tracks.size) return;
    if (Math.floor(position) >= available() && !growing().length) position = 0;
    if (!asked) {
      last = frames.now();
      asked = frames.request(frame);
    }
    tell();
  }

  /**
   * Pauses at so many pixels.
   * @param {number} to
   */
  function go(to) {
    halt();
    position = Math.max(0, Math.min(to, available()));
    tell();
  }

  const drawn = () => Math.floor(position);

  return {
    /**
     * Takes part until the function that is returned is called.
     * @param {Track} track
     */
    join(track) {
      tracks.add(track);
      return () => {
        tracks.delete(track);
        if (!tracks.size) halt();
      };
    },
    play,
    go,
    toggle: () => (asked ? go(drawn()) : play()),
    restart() {
      position = 0;
      play();
    },
    /** @param {number} pixels */
    step: (pixels) => go(drawn() + pixels),
    /**
     * To the beginning of a row, so many rows on or back.
     * @param {number} rows
     * @param {number} width  of a row, in pixels
     */
    stepRows: (rows, width) => go(((rows < 0 ? Math.ceil : Math.floor)(drawn() / width) + rows) * width),
    /** Pixels on the screen. */
    get drawn() {
      return drawn();
    },
    get playing() {
      return asked !== 0;
    },
    get available() {
      return available();
    },
    /** Pixels a second. */
    get speed() {
      return speed;
    },
    set speed(pixels) {
      if (pixels === speed) return;
      speed = pixels;
      tell();
    },
  };
}
