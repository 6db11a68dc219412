import { describe, expect, it } from "vitest";
import type { Spec } from "../src/core/types";
import { howGraded } from "../src/core/grading";
import { freshId, settled } from "../src/studio/RubricEditor";
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

describe("a rubric", () => {
  const thresholds = [{ at_least: 0.5, score: 1 }];
  const rubric = [{ id: "c1", title: " Reasons ", points: 5, help: "  " }, { id: "c3", title: "Set", points: 2, help: "Look." }];

  it("leaves no trace where the hidden test set gives the points", () => {
    expect(settled({ metric: "accuracy", thresholds, rule: "automatic", rubric, rubric_share: 0.5 })).toEqual({ metric: "accuracy", thresholds });
  });

  it("has a share only where it is mixed with the test set", () => {
    expect(settled({ metric: "accuracy", thresholds, rule: "rubric", rubric, rubric_share: 0.5 })).toEqual({ metric: "accuracy", thresholds, rule: "rubric", rubric: [{ id: "c1", title: "Reasons", points: 5 }, { id: "c3", title: "Set", points: 2, help: "Look." }] });
    expect(settled({ metric: "accuracy", thresholds, rule: "mixed", rubric }).rubric_share).toBe(0.5);
  });

  it("never gives a criterion the id of another", () => {
    expect(freshId(rubric)).toBe("c4");
    expect(freshId([])).toBe("c1");
  });
});

describe("what a student reads before handing in", () => {
  const grading = { metric: "accuracy", thresholds: [{ at_least: 0.5, score: 1 }] };

  it("says who gives the points, and how many", () => {
    expect(howGraded(grading)).toContain("hidden pictures");
    expect(howGraded({ ...grading, rule: "rubric" })).toContain("A grader");
    expect(howGraded({ ...grading, rule: "mixed", rubric_share: 0.3 })).toContain("70% of the points come from hidden pictures that nobody has trained on, 30% from a grader");
  });
});
