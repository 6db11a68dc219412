/** What was dropped or chosen, as single pictures: folders walked, zip files opened, each with the folder it lay in. */
import { isLitter, sourceOf, type Source } from "./sources";
import { isZip, ZipError, zipSources } from "./zip";
import { t } from "./i18n";

export interface Picked { sources: Source[]; problems: string[] }

export async function fromFiles(files: Iterable<File>): Promise<Picked> {
  const picked: Picked = { sources: [], problems: [] };
  for (const file of files) await take(picked, file, file.webkitRelativePath || file.name);
  return picked;
}

/** Must be called while the drop event is handled: the browser forgets what was dropped right after. */
export function fromDrop(transfer: DataTransfer): Promise<Picked> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return fromFiles([...transfer.files]);
  return walkAll(entries.filter((entry) => entry !== null));
}

async function walkAll(entries: FileSystemEntry[]): Promise<Picked> {
  const picked: Picked = { sources: [], problems: [] };
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    if (isLitter(entry.fullPath)) return;
    if (entry.isFile) {
      const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
      await take(picked, file, entry.fullPath);
      return;
    }
    const reader = (entry as FileSystemDirectoryEntry).createReader();
    for (;;) {
      const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
      if (batch.length === 0) return;
      for (const each of batch) await walk(each);
    }
  };
  for (const entry of entries) {
    try {
      await walk(entry);
    } catch {
      picked.problems.push(t("“{name}” could not be read. Choose it again.", { name: entry.name }));
    }
  }
  return picked;
}

async function take(picked: Picked, file: File, path: string): Promise<void> {
  if (isLitter(path)) return;
  if (!isZip(file)) {
    picked.sources.push(sourceOf(file, path));
    return;
  }
  try {
    const inside = await zipSources(file);
    if (inside.length === 0) picked.problems.push(t("There is no picture in “{name}”.", { name: file.name }));
    picked.sources.push(...inside);
  } catch (error) {
    picked.problems.push(error instanceof ZipError ? error.message : t("“{name}” could not be read. Choose it again.", { name: file.name }));
  }
}

export interface Sorted { placed: [string, Source[]][]; unknown: [string, Source[]][] }

function plain(name: string): string {
  return name.normalize("NFKC").toLocaleLowerCase().replace(/[\s_-]+/g, " ").trim();
}

/** Pictures by class: a folder that is called like a class belongs to it; the others are for the student to decide. */
export function sortByFolder(sources: Source[], classes: string[]): Sorted {
  const byFolder = new Map<string, Source[]>();
  for (const source of sources) {
    const inside = byFolder.get(source.folder);
    if (inside) inside.push(source);
    else byFolder.set(source.folder, [source]);
  }
  const sorted: Sorted = { placed: [], unknown: [] };
  for (const [folder, inside] of byFolder) {
    const name = classes.find((each) => plain(each) === plain(folder));
    if (name) sorted.placed.push([name, inside]);
    else sorted.unknown.push([folder, inside]);
  }
  return sorted;
}
