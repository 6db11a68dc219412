/** Which set of the library a spec means. */
import { bareName } from "../core/task";
import type { LibrarySet } from "../core/types";

/** A set of the list that is chosen, in its newest version or an earlier one. */
export function versionOf(sets: LibrarySet[], name: string | null): { set: LibrarySet; isNewest: boolean } | null {
  if (!name) return null;
  const set = sets.find((each) => bareName(each.name) === bareName(name));
  return set ? { set, isNewest: set.name === name } : null;
}
