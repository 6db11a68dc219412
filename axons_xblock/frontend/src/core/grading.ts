/** Who gives the points of an exercise: the hidden test set, a grader by a rubric, or both. */
import { percent } from "./format";
import { t } from "./i18n";
import type { Grading } from "./types";

const HALF = 0.5;

/** The part of the points, 0 to 1, that the rubric decides. */
export function rubricShare(grading: Grading): number {
  return grading.rule === "rubric" ? 1 : grading.rule === "mixed" ? grading.rubric_share ?? HALF : 0;
}

/** The part of the points, 0 to 1, that the hidden test set decides. */
export function hiddenShare(grading: Grading): number {
  return 1 - rubricShare(grading);
}

/** Who gives the points, before anything is handed in. */
export function howGraded(grading: Grading): string {
  if (grading.rule === "rubric") return t("A grader looks at your model and gives the points by the rubric below. The best score counts.");
  if (grading.rule === "mixed") {
    return t("{hidden} of the points come from hidden pictures that nobody has trained on, {rubric} from a grader, by the rubric below. The best score counts.", { hidden: percent(hiddenShare(grading), 0), rubric: percent(rubricShare(grading), 0) });
  }
  return t("Your model is scored on hidden pictures that nobody has trained on. The best score counts.");
}
