import { beforeEach, describe, expect, it } from "vitest";
import { render } from "preact";
import { day, span } from "../src/core/format";
import { setLocale } from "../src/core/i18n";
import { budgetLeft, budgetWarning, queueSentence } from "../src/core/waiting";
import { BudgetNote } from "../src/student/BudgetNote";
import { LIMITED, QUEUED, SHORT, USED_UP } from "../gallery/fixtures";

beforeEach(() => setLocale("en", undefined));

describe("a place in line", () => {
  it("says how many are ahead and when it starts, with the spread", () => {
    expect(queueSentence(QUEUED)).toBe("3 jobs are ahead of yours. It starts in about 2–4 min.");
  });
  it("says what it waits for", () => {
    expect(queueSentence(LIMITED)).toBe("1 job is ahead of yours. Your course may run 5 jobs at once; 5 are running. It starts in about 5–14 min.");
  });
  it("says any moment when a machine is free", () => {
    const queue = { ...QUEUED.queue!, position: 1, eta_seconds: 0, eta_low_seconds: 0, eta_high_seconds: 2 };
    expect(queueSentence({ ...QUEUED, queue })).toBe("You are next in line. It should start any moment.");
  });
  it("does not make up a time that nobody measured", () => {
    const queue = { ...QUEUED.queue!, position: 1, eta_seconds: null, eta_low_seconds: null, eta_high_seconds: null, reason: { code: "not_measured", message: "x" } };
    expect(queueSentence({ ...QUEUED, queue })).toBe("You are next in line. Nobody can say yet when it starts: work like this was never measured here.");
  });
  it("shows an older service's single figure, and a newer one's sentence", () => {
    expect(queueSentence({ ...QUEUED, queue: { position: 1, eta_seconds: 30 } })).toBe("You are next in line. It should start in about 30 sec.");
    const queue = { ...QUEUED.queue!, eta_seconds: null, reason: { code: "strike", message: "The machines are on strike." } };
    expect(queueSentence({ ...QUEUED, queue })).toContain("The machines are on strike.");
    expect(queueSentence({ ...QUEUED, queue: null })).toBe("");
  });
});

describe("spans and days", () => {
  it("are rounded outwards in one unit", () => {
    expect([span(0, 12), span(8.2, 8.4), span(70, 200), span(60, 60), span(3600, 9000), span(100, 5000)]).toEqual(["0–12 sec", "8–9 sec", "1–4 min", "60 sec", "1–2.5 hr", "1–84 min"]);
  });
  it("are the calendar's", () => {
    expect(day("2026-12-01")).toBe("December 1");
    expect(day("soon")).toBe("soon");
  });
});

describe("a budget", () => {
  it("says what is left, warns from 80 % on, and says who can raise it", () => {
    expect(budgetLeft(SHORT)).toBe("You have 8 of 60 compute minutes left in this course.");
    expect(budgetWarning(SHORT)).toBe("They are renewed on December 1.");
    expect(budgetWarning(USED_UP)).toContain("The administrator of the training service can raise the limit.");
    expect(budgetWarning({ ...USED_UP, scope: "exercise", renewed_on: null })).toBe("No new training starts now; one that runs is finished. No try was used. Your educator can raise the limit.");
    expect(budgetWarning({ ...SHORT, state: "ok" })).toBe("");
  });
  it("is a quiet line, then a notice", () => {
    const host = document.createElement("div");
    render(<BudgetNote budget={{ ...SHORT, state: "ok" }} />, host);
    expect(host.querySelector(".ax-notice")).toBeNull();
    expect(host.textContent).toContain("8 of 60");
    render(<BudgetNote budget={SHORT} />, host);
    expect(host.querySelector(".ax-notice-warning")?.textContent).toContain("run short");
    render(<BudgetNote budget={null} />, host);
    expect(host.textContent).toBe("");
  });
});
