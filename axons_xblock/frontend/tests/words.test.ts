import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { absolute, bytes, duration, percent, relative, significant } from "../src/core/format";
import { pluralIndex, setLocale, t, tn } from "../src/core/i18n";
import { ActionKeys, randomId } from "../src/core/keys";
import { matters } from "../src/core/further";
import type { Job } from "../src/core/types";
import { epochsOf, epochWords, hyperparameterSummary, progressSentence, scoreFor } from "../src/core/words";
import { continued, fromSlider, mistakesIn, parse, toSlider, defaults } from "../src/student/Hyper";
import { pointsMistake } from "../src/staff/words";
import { cleaned, completed } from "../src/studio/Studio";
import { SPEC } from "../gallery/fixtures";

beforeEach(() => setLocale("en", undefined));
afterEach(() => { delete (globalThis as { gettext?: unknown }).gettext; });

describe("epochs", () => {
  const job = { kind: "training", hyperparameters: { epochs: 25 }, progress: null, metrics: null } as unknown as Job;
  const at = (done: number): Job => ({ ...job, progress: { phase: "training", unit: "epochs", done, total: 25 } });
  it("are counted whole, from 1 to the last", () => {
    expect([0, 0.2, 1, 12.767, 25].map((done) => epochWords(epochsOf(at(done))!))).toEqual(
      ["epoch 1 of 25", "epoch 1 of 25", "epoch 1 of 25", "epoch 13 of 25", "epoch 25 of 25"]);
    expect(progressSentence(at(12.767).progress!)).toBe("Training: epoch 13 of 25");
  });
  it("stay while the training is checked between two of them, and are unknown before the first", () => {
    const checked: Job = { ...job, progress: { phase: "evaluating", unit: "images", done: 3, total: 9 } };
    expect(epochsOf(checked)).toBeNull();
    const train = { step: 99, epoch: 3, loss: 1, accuracy: 0.5 };
    expect(epochsOf({ ...checked, metrics: { train } })).toEqual({ done: 3, total: 25 });
    expect(epochsOf({ ...checked, metrics: { train }, kind: "inference" })).toBeNull();
  });
});

describe("translation", () => {
  it("fills in values and leaves unknown ones alone", () => {
    expect(t("Run {n} of {m}", { n: 2 })).toBe("Run 2 of {m}");
  });
  it("takes the fragment's catalogue before the page's gettext before the source", () => {
    (globalThis as { gettext?: unknown }).gettext = (id: string) => (id === "Train" ? "page" : id);
    expect(t("Train")).toBe("page");
    setLocale("de", { Train: "Trainieren" });
    expect(t("Train")).toBe("Trainieren");
    expect(t("Results")).toBe("Results");
  });
  it("chooses plural forms by the language's rules", () => {
    expect([0, 1, 2, 5, 21, 22].map((n) => pluralIndex(n, "ru"))).toEqual([2, 0, 1, 2, 0, 1]);
    expect([0, 1, 2, 3, 11, 100].map((n) => pluralIndex(n, "ar"))).toEqual([0, 1, 2, 3, 4, 5]);
    expect([0, 1, 2].map((n) => pluralIndex(n, "fr"))).toEqual([0, 0, 1]);
    expect([0, 1, 7].map((n) => pluralIndex(n, "ja"))).toEqual([0, 0, 0]);
    setLocale("pl", { "{n} picture": ["{n} zdjęcie", "{n} zdjęcia", "{n} zdjęć"] });
    expect([1, 3, 5].map((n) => tn("{n} picture", "{n} pictures", n))).toEqual(["1 zdjęcie", "3 zdjęcia", "5 zdjęć"]);
  });
  it("writes the counted number in the reader's way", () => {
    expect(tn("{n} picture", "{n} pictures", 1358)).toBe("1,358 pictures");
    setLocale("de", undefined);
    expect(tn("{n} picture", "{n} pictures", 1358)).toBe("1.358 pictures");
  });
  it("survives a locale that is none", () => {
    setLocale("x-klingon-????", undefined);
    expect(percent(0.5)).toBe("50%");
    setLocale("pt_BR", undefined);
    expect(percent(0.125)).toBe("12,5%");
  });
});

describe("numbers", () => {
  it("have units and sensible digits", () => {
    expect(percent(0.9637)).toBe("96.4%");
    expect(bytes(999)).toBe("999 bytes");
    expect(bytes(1_840_000_000)).toBe("1.7 GiB");
    expect(significant(0.0031249)).toBe("0.00312");
    expect(significant(Number.NaN)).toBe("–");
  });
  it("say durations as one would", () => {
    expect([0.034, 8.25, 42, 125, 3600, 5000].map(duration)).toEqual(["34 ms", "8.3 sec", "42 sec", "2 min 5 sec", "1 hr", "1 hr 23 min"]);
  });
  it("say times near and far", () => {
    const now = Date.parse("2026-03-01T12:00:00Z");
    expect(relative("2026-03-01T11:59:50Z", now)).toBe("just now");
    expect(relative("2026-03-01T11:57:00Z", now)).toBe("3 min. ago");
    expect(relative("2026-02-27T12:00:00Z", now)).toBe("2 days ago");
    expect(relative("nonsense", now)).toBe("");
    expect(absolute("nonsense")).toBe("");
  });
});

describe("hyperparameters", () => {
  it("out of range get a sentence with the range", () => {
    expect(mistakesIn(SPEC, { ...defaults(SPEC), learning_rate: 5 }).learning_rate).toBe("Learning rate must be between 0.0001 and 0.1. You asked for 5.");
    expect(mistakesIn(SPEC, { ...defaults(SPEC), epochs: 2.5 }).epochs).toBe("Epochs must be a whole number.");
    expect(mistakesIn(SPEC, defaults(SPEC))).toEqual({});
  });
  it("that an author does not offer are neither suggested nor sent, also after a run that had them", () => {
    expect(Object.keys(defaults(SPEC)).sort()).toEqual(["architecture", "augmentation", "batch_size", "epochs", "learning_rate", "seed"]);
    expect(continued(SPEC, { epochs: 3, optimizer: "sgd", patience: 2 })).toEqual({ ...defaults(SPEC), epochs: 3 });
  });
  it("that an author offers begin with the suggestion and stay in its bounds", () => {
    const spec = { ...SPEC, hyperparameters: { ...SPEC.hyperparameters, patience: { min: 0, max: 5, default: 2 }, fine_tuning: { allowed: ["frozen", "full"], default: "frozen" } } };
    expect(defaults(spec)).toMatchObject({ patience: 2, fine_tuning: "frozen" });
    expect(mistakesIn(spec, { ...defaults(spec), patience: 9 })).toEqual({ patience: "Patience must be between 0 and 5. You asked for 9." });
    expect(mistakesIn(spec, { ...defaults(spec), patience: 1.5 })).toEqual({ patience: "Patience must be a whole number." });
    expect(completed(spec).hyperparameters).toEqual(spec.hyperparameters);
    expect(hyperparameterSummary({ ...defaults(spec), fine_tuning: "full" })).toContain("The whole network");
  });
  it("are hidden where they mean nothing", () => {
    const values = { ...defaults(SPEC), architecture: "efficientnet_lite0", fine_tuning: "frozen", augmentation: true };
    expect([matters("trainable_blocks", values), matters("flip", values)]).toEqual([false, false]);
    expect([matters("trainable_blocks", { ...values, fine_tuning: "partial" }), matters("flip", { ...values, fine_tuning: "full" })]).toEqual([true, true]);
    expect([matters("fine_tuning", { ...values, architecture: "small_cnn" }), matters("flip", { ...values, architecture: "small_cnn", augmentation: false })]).toEqual([false, false]);
  });
  it("are read with a comma too, and empty is no number", () => {
    expect(parse(" 0,003 ")).toBe(0.003);
    expect(parse("")).toBeNaN();
    expect(parse("abc")).toBeNaN();
  });
  it("slide over decades and reach both ends", () => {
    expect(fromSlider(0, 0.0001, 0.1, true, false)).toBe(0.0001);
    expect(fromSlider(1000, 0.0001, 0.1, true, false)).toBe(0.1);
    expect(fromSlider(toSlider(0.003, 0.0001, 0.1, true), 0.0001, 0.1, true, false)).toBe(0.003);
    expect(fromSlider(toSlider(17, 1, 40, false), 1, 40, false, true)).toBe(17);
    expect(toSlider(5, 3, 3, false)).toBe(0);
  });
});

describe("grading", () => {
  it("gives the best step that is reached", () => {
    expect([0.2, 0.5, 0.85, 0.9, 1].map((value) => scoreFor(SPEC.grading!, value))).toEqual([0, 0.5, 0.8, 1, 1]);
  });
  it("gives a part of the way to the next step where the author wishes so", () => {
    const grading = { metric: "accuracy", between: "line" as const, thresholds: [{ at_least: 0.9, score: 0.8 }, { at_least: 0.5, score: 0.4 }] };
    expect([0.49, 0.5, 0.7, 0.9, 1].map((value) => Number(scoreFor(grading, value).toFixed(6)))).toEqual([0, 0.4, 0.6, 0.8, 0.8]);
  });
  it("sends what an author writes between and beside the steps, and no word for nothing", () => {
    const grading = { metric: "accuracy", between: "line" as const, feedback: "Look again.", thresholds: [{ at_least: 0.5, score: 1, feedback: "Well done." }] };
    expect(cleaned({ ...SPEC, grading }).grading).toEqual(grading);
    const none = { ...grading, between: undefined, feedback: undefined };
    expect(Object.keys(JSON.parse(JSON.stringify(cleaned({ ...SPEC, grading: none }).grading)))).toEqual(["metric", "thresholds"]);
  });
  it("says nothing of a leaderboard that is not wished, or that nothing is handed in for", () => {
    expect(cleaned({ ...SPEC, leaderboard: true }).leaderboard).toBe(true);
    expect("leaderboard" in cleaned({ ...SPEC, leaderboard: false })).toBe(false);
    expect("leaderboard" in cleaned({ ...SPEC, leaderboard: true, grading: null })).toBe(false);
  });
  it("takes points between 0 and the weight only", () => {
    expect(pointsMistake("11", 10)).toBe("Points must be a number between 0 and 10.");
    expect(pointsMistake("-1", 10)).not.toBeNull();
    expect(pointsMistake("7,5", 10)).toBeNull();
    expect(pointsMistake("", 10)).toBeNull();
  });
  it("sends thresholds in order, and nothing that the kind does not use", () => {
    const grading = { metric: "accuracy", thresholds: [{ at_least: 0.9, score: 1 }, { at_least: 0.5, score: 0.5 }] };
    expect(cleaned({ ...SPEC, grading }).grading!.thresholds.map((each) => each.at_least)).toEqual([0.5, 0.9]);
    expect(cleaned({ ...SPEC, kind: "inference", model: "m" })).toMatchObject({ starter_set: null, grading: null, architectures: [], model: "m" });
    expect(cleaned({ ...SPEC, model: "left over" }).model).toBeNull();
    const minutes = (value: number | null | undefined) => cleaned({ ...SPEC, compute_minutes_per_learner: value }).compute_minutes_per_learner;
    expect([minutes(30), minutes(null), minutes(undefined)]).toEqual([30, null, undefined]);
    expect(minutes(Number("thirty"))).toBe(0); // refused with a sentence; null would lift the limit
  });
});

describe("the editor's spec", () => {
  it("is whole, even when it comes from an inference exercise that has no training settings", () => {
    const { hyperparameters: _h, architectures: _a, max_tries: _m, grading: _g, ...bare } = SPEC;
    const whole = completed({ ...bare, kind: "inference" } as unknown as typeof SPEC);
    expect(whole.hyperparameters.epochs).toEqual({ min: 1, max: 40, default: 15 });
    expect(whole.architectures).toEqual([]);
  });
});

describe("idempotency keys", () => {
  it("stay over retries of one wish, and change with the wish", () => {
    const keys = new ActionKeys();
    const first = keys.take("train", { epochs: 3 });
    expect(keys.take("train", { epochs: 3 })).toBe(first);
    expect(keys.take("train", { epochs: 4 })).not.toBe(first);
    const again = keys.take("train", { epochs: 4 });
    keys.settle("train");
    expect(keys.take("train", { epochs: 4 })).not.toBe(again);
  });
  it("are made on insecure pages too", () => {
    const original = globalThis.crypto;
    Object.defineProperty(globalThis, "crypto", { value: { getRandomValues: original.getRandomValues.bind(original) }, configurable: true });
    expect(randomId()).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    Object.defineProperty(globalThis, "crypto", { value: original, configurable: true });
  });
});
