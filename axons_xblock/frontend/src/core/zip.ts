/** Reads zip files in the page: each picture in one is sent like any other file, and only what is being sent is unpacked. */
import { folderOf, isLitter, typeOf, type Source } from "./sources";
import { t } from "./i18n";

const END = 0x06054b50;
const CENTRAL = 0x02014b50;
const LOCAL = 0x04034b50;
const END_SIZE = 22;
const LONGEST_COMMENT = 65_535;
const LARGEST_DIRECTORY = 16 * 1024 * 1024;

/** A sentence about a zip file that cannot be used. */
export class ZipError extends Error {}

export function isZip(file: File): boolean {
  return /\.zip$/i.test(file.name) || file.type === "application/zip" || file.type === "application/x-zip-compressed";
}

async function view(blob: Blob): Promise<DataView> {
  return new DataView(await blob.arrayBuffer());
}

/** The pictures in a zip file, by its central directory. Raises ZipError. */
export async function zipSources(file: File): Promise<Source[]> {
  const damaged = () => new ZipError(t("“{name}” is not a complete zip file. Pack it again, or drop the folder itself.", { name: file.name }));
  const tailStart = Math.max(0, file.size - END_SIZE - LONGEST_COMMENT);
  const tail = await view(file.slice(tailStart));
  let end = tail.byteLength - END_SIZE;
  while (end >= 0 && tail.getUint32(end, true) !== END) end -= 1;
  if (end < 0) throw damaged();
  const count = tail.getUint16(end + 10, true);
  const size = tail.getUint32(end + 12, true);
  const start = tail.getUint32(end + 16, true);
  if (count === 0xffff || start === 0xffffffff || size > LARGEST_DIRECTORY) throw new ZipError(t("“{name}” is too large for a zip file here. Drop the folder itself.", { name: file.name }));
  if (start + size > file.size) throw damaged();
  const directory = await view(file.slice(start, start + size));
  const sources: Source[] = [];
  for (let at = 0, number = 0; number < count; number += 1) {
    if (at + 46 > directory.byteLength || directory.getUint32(at, true) !== CENTRAL) throw damaged();
    const flags = directory.getUint16(at + 8, true);
    const method = directory.getUint16(at + 10, true);
    const nameLength = directory.getUint16(at + 28, true);
    const offset = directory.getUint32(at + 42, true);
    const entry = { packed: directory.getUint32(at + 20, true), size: directory.getUint32(at + 24, true), method, offset };
    const path = new TextDecoder().decode(new Uint8Array(directory.buffer, at + 46, Math.min(nameLength, directory.byteLength - at - 46))).replace(/\\/g, "/");
    at += 46 + nameLength + directory.getUint16(at + 30, true) + directory.getUint16(at + 32, true);
    if (path.endsWith("/") || isLitter(path)) continue;
    if (flags & 1) throw new ZipError(t("“{name}” is locked with a password. Pack it without one.", { name: file.name }));
    if (method !== 0 && method !== 8) throw new ZipError(t("“{name}” is packed in an unusual way. Pack it again as an ordinary zip file.", { name: file.name }));
    const name = path.split("/").pop() ?? path;
    sources.push({ name, size: entry.size, type: typeOf(name), modified: file.lastModified, folder: folderOf(path), open: () => unpack(file, entry, typeOf(name)) });
  }
  return sources;
}

async function unpack(file: File, entry: { packed: number; size: number; method: number; offset: number }, type: string): Promise<Blob> {
  const head = await view(file.slice(entry.offset, entry.offset + 30));
  if (head.byteLength < 30 || head.getUint32(0, true) !== LOCAL) throw new Error("no local header");
  const from = entry.offset + 30 + head.getUint16(26, true) + head.getUint16(28, true);
  const packed = file.slice(from, from + entry.packed, type);
  if (entry.method === 0) return packed;
  // Never more than the directory promised, however much a hostile file would give.
  const reader = packed.stream().pipeThrough(new DecompressionStream("deflate-raw")).getReader();
  const parts: BlobPart[] = [];
  let got = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    got += value.byteLength;
    if (got > entry.size) {
      await reader.cancel();
      break;
    }
    parts.push(value as BlobPart);
  }
  if (got !== entry.size) throw new Error("not the size that the directory says");
  return new Blob(parts, { type });
}
