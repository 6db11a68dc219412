import { useState } from "preact/hooks";

let counter = 0;

/** An id that is unique on the page, also when several exercises stand in one unit (Preact's own starts anew in each). */
export function useUid(): string {
  return useState(() => `ax-${(counter += 1)}`)[0];
}
