/** Which set of the library a spec means. */
import { bareName } from "../core/task";
import type { LibrarySet } from "../core/types";

/** A set of the list that is chosen, in its newest version or an earlier one. */
export function versionOf(sets: LibrarySet[], name: string | null): { set: LibrarySet; isNewest: boolean } | null {
  if (!name) return null;
  const content = name.slice(bareName(name).length + 1);
  // A set that an operator brought here has a bare name, or another one; its content is the same.
  const same = sets.find((each) => each.name === name || (content !== "" && each.content_sha256 === content));
  const set = same ?? sets.find((each) => bareName(each.name) === bareName(name));
  return set ? { set, isNewest: set === same } : null;
}
