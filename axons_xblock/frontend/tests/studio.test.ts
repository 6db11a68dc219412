import { describe, expect, it } from "vitest";
import type { Spec } from "../src/core/types";
import { cleaned, completed } from "../src/studio/Studio";
import { SPEC } from "../gallery/fixtures";

const spec = completed(SPEC as unknown as Spec);

describe("what the editor sends", () => {
  it("says nothing of other machines when there is no second choice, so that old specs keep their hash", () => {
    expect("fallback_pools" in cleaned(spec)).toBe(false);
    expect("fallback_pools" in cleaned({ ...spec, fallback_pools: [] })).toBe(false);
    expect("fallback_pools" in cleaned({ ...spec, pool: "gpu", fallback_pools: ["gpu"] })).toBe(false);
  });

  it("keeps the order in which other machines were chosen, without the pool itself", () => {
    expect(cleaned({ ...spec, pool: "cpu", fallback_pools: ["v100s", "cpu", "l4"] }).fallback_pools).toEqual(["v100s", "l4"]);
  });
});
