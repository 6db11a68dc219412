import { beforeEach, describe, expect, it } from "vitest";
import { setLocale } from "../src/core/i18n";
import { affected } from "../src/studio/Affects";
import { cleaned, completed } from "../src/studio/Studio";
import { SPEC } from "../gallery/fixtures";

beforeEach(() => setLocale("en", undefined));
const spec = cleaned(completed(SPEC));

describe("what a change affects", () => {
  it("is nothing while nothing is changed, however the keys lie", () => {
    const turned = JSON.parse(JSON.stringify(Object.fromEntries(Object.entries(spec).reverse()))) as typeof spec;
    expect(affected(spec, turned)).toEqual([]);
    expect(affected(spec, { ...spec, grading: { ...spec.grading!, feedback: undefined } })).toEqual([]);
  });

  it("is said of each part that is changed, and of no other", () => {
    expect(affected(spec, { ...spec, max_tries: 9 })).toEqual([expect.stringMatching(/^Tries: the new number counts at once/)]);
    expect(affected(spec, { ...spec, hidden_test_set: "other" })).toEqual([expect.stringMatching(/^Hidden test set: .* cannot be regraded/)]);
    expect(affected(spec, { ...spec, grading: { ...spec.grading!, between: "line" } })).toEqual([expect.stringMatching(/^Points: .* Regrade all/)]);
    expect(affected(spec, { ...spec, starter_set: "other", time_limit_minutes: 99 })).toEqual([expect.stringMatching(/^Pictures/), expect.stringMatching(/^Training/)]);
  });
});
