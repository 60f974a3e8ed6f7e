// The worker of the site as one file: site.py puts the files that it draws with into its script.

import { fromBase64 } from "../codec.js";
import { serve } from "../local/artist.js";
import { WeightsError } from "../local/safetensors.js";

/** @type {Record<string, string>} */
const FILES = {
  /*files*/
};

serve(/** @type {any} */ (self), async (file) => {
  if (!Object.hasOwn(FILES, file)) throw new WeightsError("The weights of this model are not in this page.");
  return fromBase64(FILES[file]).buffer;
});
