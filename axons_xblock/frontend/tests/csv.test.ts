import { describe, expect, it } from "vitest";
import { parseCsv, safeCell, withNames, writeCsv } from "../src/core/csv";

describe("the table with names", () => {
  it("reads what it writes", () => {
    const rows = [["a", 'say "hi", now', "two\nlines"], ["", "ä", "1"]];
    expect(parseCsv(writeCsv(rows).replace(/^\ufeff/, ""))).toEqual(rows);
  });

  it("asks for 200 names at a time and runs no formula", async () => {
    const asked: number[] = [];
    const table = writeCsv([["learner", "score"], ...Array.from({ length: 201 }, (_, i) => [`l${i}`, "1"])]);
    const named = await withNames(table, async (ids) => {
      asked.push(ids.length);
      return Object.fromEntries(ids.map((id) => [id, { name: id === "l0" ? "=cmd|' /C calc'!A0" : `Name of ${id}`, username: id }]));
    }, () => undefined);
    expect(asked).toEqual([200, 1]);
    const rows = parseCsv(named.replace(/^\ufeff/, ""));
    expect(rows[0]).toEqual(["name", "username", "learner", "score"]);
    expect(rows[1]).toEqual(["'=cmd|' /C calc'!A0", "l0", "l0", "1"]);
    expect(rows[201]?.[0]).toBe("Name of l200");
  });

  it("leaves other texts alone", () => {
    expect(["=1", "+1", "-1", "@a", "\tx", " =1", "x;=1", "x; -1"].map(safeCell)).toEqual(["'=1", "'+1", "'-1", "'@a", "'\tx", "' =1", "x;'=1", "x;' -1"]);
    expect(["Anna = Ben", "a=b; c"].map(safeCell)).toEqual(["Anna = Ben", "a=b; c"]);
  });
});
