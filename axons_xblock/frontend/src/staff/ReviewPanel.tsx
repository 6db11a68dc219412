/** One submission opened: where the model errs, what graders said, and the form to say more. */
import { useState } from "preact/hooks";
import { absolute, percent, points, significant } from "../core/format";
import { t } from "../core/i18n";
import { useAsk } from "../core/session";
import type { Submission } from "../core/types";
import { Button, Field, Notice, Problem, Time } from "../ui/basics";
import { Confusion } from "../ui/confusion";
import { parse } from "../student/Hyper";
import { overridden } from "./Submissions";

interface Props {
  submission: Submission; weight: number; classes: string[];
  review: (body: { score: number | null; comment: string; clear?: boolean }) => Promise<void>;
}

/** A sentence when the points are no points between 0 and the weight; empty means "comment only". */
export function pointsMistake(text: string, weight: number): string | null {
  if (text.trim() === "") return null;
  const value = parse(text);
  if (!Number.isFinite(value) || value < 0 || value > weight) return t("Points must be a number between 0 and {weight}.", { weight: points(weight) });
  return null;
}

export function ReviewPanel({ submission, weight, classes, review }: Props) {
  const [value, setValue] = useState("");
  const [comment, setComment] = useState("");
  const [saved, setSaved] = useState("");
  const [touched, setTouched] = useState(false);
  const wrong = pointsMistake(value, weight);
  const nothing = value.trim() === "" && comment.trim() === "";
  const save = useAsk(async () => {
    await review({ score: value.trim() === "" ? null : parse(value) / weight, comment: comment.trim() });
    setSaved(value.trim() === "" ? t("Comment saved.") : t("Saved. The grade is on its way to the grade book."));
    setValue("");
    setComment("");
    setTouched(false);
  });
  const clear = useAsk(async () => {
    await review({ score: null, comment: comment.trim(), clear: true });
    setSaved(t("The automatic score counts again."));
    setComment("");
  });
  const matrix = submission.confusion_matrix ?? [];
  return (
    <div class="ax-review">
      <div class="ax-review-result">
        {matrix.length > 0 ? (
          <>
            <h4>{t("On the hidden pictures")}</h4>
            <Confusion matrix={matrix} classes={submission.classes ?? classes} />
          </>
        ) : submission.state === "scoring" ? <p>{t("The model is being scored; the result will be here in a moment.")}</p>
          : submission.failure ? <Notice kind="error" title={t("It could not be scored; no try was used")}><p>{submission.failure.message}</p></Notice>
            : <p class="ax-hint">{t("There is no confusion matrix for this submission.")}</p>}
      </div>
      <div class="ax-review-side">
        <form onSubmit={(event) => { event.preventDefault(); setTouched(true); if (!wrong && !nothing) void save.run(); }}>
          <h4>{t("Your review")}</h4>
          <Field
            label={t("Points")} hint={t("0 to {weight}", { weight: points(weight) })} error={touched ? wrong : null}
            help={submission.automatic_score === null ? t("Leave empty to comment only.") : t("Automatic: {points}. Leave empty to comment only.", { points: points(submission.automatic_score * weight) })}
          >
            {({ id, describedBy, invalid }) => (
              <div class="ax-row">
                <input id={id} type="text" inputMode="decimal" class="ax-number" value={value} aria-describedby={describedBy} aria-invalid={invalid} onInput={(event) => setValue(event.currentTarget.value)} onBlur={() => setTouched(true)} />
                {value.trim() !== "" && !wrong ? <span class="ax-hint">{t("= {percent} of the score", { percent: percent(parse(value) / weight) })}</span> : null}
              </div>
            )}
          </Field>
          <Field label={t("Comment for the student")}>
            {({ id }) => <textarea id={id} rows={3} maxLength={4000} value={comment} onInput={(event) => setComment(event.currentTarget.value)} />}
          </Field>
          <div class="ax-row">
            <Button type="submit" look="primary" busy={save.busy} disabled={nothing || Boolean(wrong)}>{value.trim() === "" ? t("Save comment") : t("Save score")}</Button>
            {overridden(submission) ? <Button look="quiet" icon="undo" busy={clear.busy} onClick={() => void clear.run()}>{t("Back to the automatic score")}</Button> : null}
          </div>
          <Problem error={save.error ?? clear.error} />
          <p role="status" class="ax-good">{saved}</p>
        </form>
        <h4>{t("History")}</h4>
        {submission.reviews.length === 0 ? <p class="ax-hint">{t("No reviews yet.")}</p> : (
          <ol class="ax-history">
            {[...submission.reviews].reverse().map((each) => (
              <li key={each.id}>
                <p>
                  <strong>{each.score !== null ? t("{points} points", { points: points(each.score * weight) }) : each.clear ? t("Override removed") : t("Comment")}</strong>{" "}
                  <span class="ax-hint">{each.grader_name ? <><bdi>{each.grader_name}</bdi> · </> : null}<Time value={each.created_at} /></span>
                </p>
                {each.comment ? <p class="ax-prewrap"><bdi>{each.comment}</bdi></p> : null}
              </li>
            ))}
          </ol>
        )}
        <dl class="ax-small-facts">
          <div><dt>{t("Handed in")}</dt><dd>{absolute(submission.created_at)}</dd></div>
          {submission.value === null ? null : <div><dt>{submission.metric}</dt><dd>{significant(submission.value, 4)}</dd></div>}
          {submission.revision ? <div><dt>{t("In the grade book")}</dt><dd>{submission.delivered_revision === submission.revision ? t("yes") : t("on its way")}</dd></div> : null}
        </dl>
      </div>
    </div>
  );
}
