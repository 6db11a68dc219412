/** A table of the service with the LMS's names put in: names never leave the LMS and the grader's browser. */

/** Cells of a CSV text (RFC 4180), row by row. */
export function parseCsv(text: string): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  for (let i = 0; i < text.length; i += 1) {
    const sign = text[i]!;
    if (quoted) {
      if (sign === '"' && text[i + 1] === '"') { cell += '"'; i += 1; } else if (sign === '"') quoted = false;
      else cell += sign;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") { row.push(cell); cell = ""; }
    else if (sign === "\n" || sign === "\r") {
      if (sign === "\r" && text[i + 1] === "\n") i += 1;
      row.push(cell); rows.push(row); row = []; cell = "";
    } else cell += sign;
  }
  if (cell !== "" || row.length > 0) { row.push(cell); rows.push(row); }
  return rows;
}

/** A text that no spreadsheet runs: with an apostrophe before what would be taken for a formula, after a semicolon too. */
export function safeCell(text: string): string {
  return text.replace(/(^|[;\t])(?= *[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20])/g, "$1'");
}

export function writeCsv(rows: string[][]): string {
  return "\ufeff" + rows.map((row) => row.map((cell) => (/[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell)).join(",")).join("\r\n") + "\r\n";
}

type Names = Record<string, { name: string; username: string }>;

/** Puts `name` and `username` before the table's column `learner`, asking for 200 at a time. */
export async function withNames(text: string, ask: (learners: string[]) => Promise<Names>, onProgress: (done: number, total: number) => void): Promise<string> {
  const rows = parseCsv(text.replace(/^\ufeff/, ""));
  const [head, ...rest] = rows;
  const place = head?.indexOf("learner") ?? -1;
  if (!head || place < 0) return text;
  const ids = [...new Set(rest.map((row) => row[place] ?? "").filter(Boolean))];
  const names: Names = {};
  for (let at = 0; at < ids.length; at += 200) {
    onProgress(at, ids.length);
    Object.assign(names, await ask(ids.slice(at, at + 200)));
  }
  return writeCsv([
    ["name", "username", ...head],
    ...rest.map((row) => [safeCell(names[row[place] ?? ""]?.name ?? ""), safeCell(names[row[place] ?? ""]?.username ?? ""), ...row]),
  ]);
}
