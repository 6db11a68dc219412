/** Files as the queue takes them: opened only when they are needed, so that thousands cost no memory. */
import { bytes } from "./format";
import { t } from "./i18n";

export const MAX_BYTES = 20 * 1024 * 1024;
const TYPES: Record<string, string> = { jpg: "image/jpeg", jpeg: "image/jpeg", jpe: "image/jpeg", jfif: "image/jpeg", png: "image/png", webp: "image/webp" };
const ALLOWED = new Set(Object.values(TYPES));

export interface Source {
  name: string; size: number; type: string; modified: number;
  /** The folder it lies in, which in the usual layout of image sets names its class; empty without one. */
  folder: string;
  open: () => Promise<Blob>;
}

export function typeOf(name: string, said = ""): string {
  return said || (TYPES[name.split(".").pop()?.toLowerCase() ?? ""] ?? "");
}

export function folderOf(path: string): string {
  const parts = path.split("/").filter(Boolean);
  return parts.length > 1 ? (parts[parts.length - 2] ?? "") : "";
}

/** What systems leave in folders and archives, which nobody means to send. */
export function isLitter(path: string): boolean {
  return path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX") || /(^|\/)(thumbs\.db|desktop\.ini)$/i.test(path);
}

export function sourceOf(file: File, path: string = file.webkitRelativePath || file.name): Source {
  return { name: file.name, size: file.size, type: typeOf(file.name, file.type), modified: file.lastModified, folder: folderOf(path), open: async () => file };
}

/** A sentence when the file cannot be sent at all, else null. What is inside is for the service to judge. */
export function refusal(source: Pick<Source, "name" | "size" | "type">): string | null {
  const { name, size, type } = source;
  if (size === 0) return t("“{name}” is empty.", { name });
  if (!ALLOWED.has(type)) return t("“{name}” is not a JPEG, PNG or WebP picture.", { name });
  if (size > MAX_BYTES) return t("“{name}” is {size}; a picture may have at most {limit}.", { name, size: bytes(size), limit: bytes(MAX_BYTES) });
  return null;
}

/** SHA-256 in hexadecimal, computed outside the page's thread; empty on plain http pages, which have no such function. */
export async function sha256(blob: Blob): Promise<string> {
  const subtle = globalThis.crypto?.subtle;
  if (!subtle) return "";
  const digest = await subtle.digest("SHA-256", await blob.arrayBuffer());
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
