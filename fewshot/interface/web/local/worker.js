// The worker of engine-local.js: draws with the weights that the page's own server gives.

import { serve } from "./artist.js";
import { WeightsError } from "./safetensors.js";

const ADDRESS = new URL("../../studio-weights/", import.meta.url);

serve(/** @type {any} */ (self), async (file) => {
  const answer = await fetch(new URL(file, ADDRESS)).catch(() => null);
  if (!answer?.ok) throw new WeightsError("The weights of this model did not arrive.");
  return answer.arrayBuffer();
});
