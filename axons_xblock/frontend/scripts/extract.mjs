/** Writes every string of the front end to conf/locale/en/LC_MESSAGES/textjs.po, in a fixed order. `--check` only compares. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const source = join(here, "../src");
const target = join(here, "../../conf/locale/en/LC_MESSAGES/textjs.po");

const STRING = String.raw`"((?:[^"\\]|\\.)*)"`;
const CALL = new RegExp(String.raw`\b(?:t\(\s*${STRING}|tn\(\s*${STRING}\s*,\s*${STRING})`, "g");

function files(folder) {
  return readdirSync(folder, { withFileTypes: true })
    .flatMap((entry) => (entry.isDirectory() ? files(join(folder, entry.name)) : [join(folder, entry.name)]))
    .filter((name) => /\.tsx?$/.test(name))
    .sort();
}

const quoted = (text) => JSON.stringify(JSON.parse(`"${text}"`)).replace(/\\u([0-9a-f]{4})/g, (_, code) => String.fromCharCode(parseInt(code, 16)));

const entries = new Map();
for (const file of files(source)) {
  const text = readFileSync(file, "utf8");
  for (const match of text.matchAll(CALL)) {
    const [, plain, one, many] = match;
    const id = plain ?? one;
    const entry = entries.get(id) ?? { id, many, places: new Set() };
    if (many) entry.many = many;
    entry.places.add(relative(join(here, ".."), file).replaceAll("\\", "/"));
    entries.set(id, entry);
  }
}

const header = [
  "# The strings of the Axons front end.",
  "#",
  'msgid ""',
  'msgstr ""',
  '"Project-Id-Version: axons-xblock\\n"',
  '"MIME-Version: 1.0\\n"',
  '"Content-Type: text/plain; charset=UTF-8\\n"',
  '"Content-Transfer-Encoding: 8bit\\n"',
  '"Language: en\\n"',
  '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"',
].join("\n");

const body = [...entries.values()]
  .sort((a, b) => (a.id < b.id ? -1 : 1))
  .map(({ id, many, places }) => {
    const lines = [...places].map((place) => `#: ${place}`);
    if (/\{\w+\}/.test(id + (many ?? ""))) lines.push("#, python-brace-format");
    lines.push(`msgid ${quoted(id)}`);
    if (many) lines.push(`msgid_plural ${quoted(many)}`, 'msgstr[0] ""', 'msgstr[1] ""');
    else lines.push('msgstr ""');
    return lines.join("\n");
  });

const written = `${header}\n\n${body.join("\n\n")}\n`;
if (process.argv.includes("--check")) {
  let existing = "";
  try {
    existing = readFileSync(target, "utf8");
  } catch {
    // Absent counts as stale.
  }
  if (existing !== written) {
    console.error("conf/locale/en/LC_MESSAGES/textjs.po is stale: run `npm run extract` and commit it.");
    process.exit(1);
  }
} else {
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, written);
  console.log(`${entries.size} strings`);
}
