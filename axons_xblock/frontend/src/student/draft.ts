/** On which version a training set in the making stands, for a page that was reloaded. The pictures are at the service. */

const name = (project: string) => `axons-draft-${project}`;

export function rememberDraft(project: string, base: string | null): void {
  try {
    localStorage.setItem(name(project), base ?? "");
  } catch {
    // A browser that keeps nothing: the student starts from nothing again, with all pictures there.
  }
}

export function draftBase(project: string): string | null {
  try {
    return localStorage.getItem(name(project)) || null;
  } catch {
    return null;
  }
}
