/** What stands beside a review: tries and time granted, private notes, a regrade of this one, the audit trail. */
import { useState } from "preact/hooks";
import type { AuditEntry, DeskApi, DeskSubmission, Preview } from "../core/desk";
import { absolute, points } from "../core/format";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import type { Submission } from "../core/types";
import { Button, Field, Problem, Time } from "../ui/basics";

type Taking = { api: DeskApi; found: DeskSubmission; onChange: (fresh: DeskSubmission) => void };

export function AllowanceForm({ api, found, onChange }: Taking) {
  const [tries, setTries] = useState(String(found.allowance.extra_tries));
  const [until, setUntil] = useState(local(found.allowance.extended_until));
  const [reason, setReason] = useState("");
  const [touched, setTouched] = useState(false);
  const count = Number(tries);
  const triesWrong = !/^\d+$/.test(tries.trim()) || count > 100 ? t("Give a whole number from 0 to 100.") : null;
  const reasonMissing = reason.trim() === "" ? t("Say why, so that others can follow it.") : null;
  const save = useAsk(async () => {
    onChange(await api.allow(found.submission.id, { extra_tries: count, extended_until: until ? new Date(until).toISOString() : null, reason: reason.trim() }));
    setReason("");
    setTouched(false);
  });
  const { allowance } = found;
  return (
    <details class="ax-details">
      <summary>{t("Tries and time")}{allowance.extra_tries || allowance.extended_until ? ` (${t("granted")})` : ""}</summary>
      <form class="ax-stack" onSubmit={(event) => { event.preventDefault(); setTouched(true); if (!triesWrong && !reasonMissing) void save.run(); }}>
        <Field label={t("Extra tries")} error={touched ? triesWrong : null}>
          {({ id, describedBy, invalid }) => <input id={id} type="text" inputMode="numeric" class="ax-number" value={tries} aria-describedby={describedBy} aria-invalid={invalid} onInput={(event) => setTries(event.currentTarget.value)} />}
        </Field>
        <Field label={t("May hand in until")} help={found.closes_at ? t("Empty: as everybody. Handing in ends for this student on {time}.", { time: absolute(found.closes_at) }) : t("Empty: as everybody. The course sets no date, so nothing ends.")}>
          {({ id, describedBy }) => <input id={id} type="datetime-local" value={until} aria-describedby={describedBy} onInput={(event) => setUntil(event.currentTarget.value)} />}
        </Field>
        <Field label={t("Reason")} error={touched ? reasonMissing : null}>
          {({ id, describedBy, invalid }) => <input id={id} type="text" maxLength={2000} value={reason} aria-describedby={describedBy} aria-invalid={invalid} onInput={(event) => setReason(event.currentTarget.value)} />}
        </Field>
        <Button small type="submit" busy={save.busy}>{t("Grant")}</Button>
        <Problem error={save.error} />
      </form>
    </details>
  );
}

/** A moment as a field of local time takes it. */
function local(time: string | null): string {
  if (!time) return "";
  const date = new Date(time);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function Notes({ api, found, onChange }: Taking) {
  const [text, setText] = useState("");
  const save = useAsk(async () => {
    onChange(await api.note(found.submission.id, text.trim()));
    setText("");
  });
  const notes = found.audit.filter((entry) => entry.action === "note");
  return (
    <details class="ax-details">
      <summary>{t("Notes for graders")} ({notes.length})</summary>
      <form class="ax-stack" onSubmit={(event) => { event.preventDefault(); if (text.trim()) void save.run(); }}>
        <Field label={t("New note")} help={t("Students never see notes.")}>
          {({ id, describedBy }) => <textarea id={id} rows={2} maxLength={4000} value={text} aria-describedby={describedBy} onInput={(event) => setText(event.currentTarget.value)} />}
        </Field>
        <Button small type="submit" busy={save.busy} disabled={text.trim() === ""}>{t("Add note")}</Button>
        <Problem error={save.error} />
      </form>
      <ol class="ax-history">
        {notes.map((entry) => <li key={entry.id}><p class="ax-prewrap"><bdi>{entry.reason}</bdi></p><p class="ax-hint"><bdi>{entry.grader_name}</bdi> · <Time value={entry.created_at} /></p></li>)}
      </ol>
    </details>
  );
}

export function PreviewWords({ preview, weight }: { preview: Preview; weight: number }) {
  return (
    <>
      <p><strong>{preview.changed === 0 ? t("Nothing would change.") : tn("{n} score would change.", "{n} scores would change.", preview.changed)}</strong>{" "}
        {preview.changed > 0 ? t("{raised} higher, {lowered} lower.", { raised: preview.raised, lowered: preview.lowered }) : null}{" "}
        {preview.not_comparable > 0 ? tn("{n} was scored on another hidden test set and stays.", "{n} were scored on another hidden test set and stay.", preview.not_comparable) : null}</p>
      {preview.changes.length > 0 ? (
        <div class="ax-table-scroll ax-short" role="region" aria-label={t("Scores that would change")} tabIndex={0}>
          <table class="ax-table">
            <thead><tr><th scope="col">{t("Student")}</th><th scope="col" class="ax-num">{t("Now")}</th><th scope="col" class="ax-num">{t("Then")}</th></tr></thead>
            <tbody>{preview.changes.map((each) => (
              <tr key={each.submission}><th scope="row"><bdi>{each.name}</bdi></th><td class="ax-num">{score(each.before, weight)}</td><td class="ax-num">{score(each.after, weight)}</td></tr>
            ))}</tbody>
          </table>
        </div>
      ) : null}
    </>
  );
}

function score(share: number | null, weight: number): string {
  return share === null ? "–" : points(share * weight);
}

export function Regrade({ api, submission, weight, onChange }: { api: DeskApi; submission: Submission; weight: number; onChange: () => void }) {
  const [preview, setPreview] = useState<Preview | null>(null);
  const [reason, setReason] = useState("");
  const [said, setSaid] = useState("");
  const look = useAsk(async () => setPreview(await api.preview(submission.id)));
  const start = useAsk(async () => {
    await api.follow(await api.start("regrade", submission.id, reason.trim()), () => undefined, () => true);
    setPreview(null);
    setReason("");
    setSaid(t("Regraded."));
    onChange();
  });
  return (
    <details class="ax-details">
      <summary>{t("Regrade by the exercise as it is now")}</summary>
      <div class="ax-stack">
        <Button small busy={look.busy} onClick={() => void look.run()}>{t("Show what would change")}</Button>
        {preview ? <PreviewWords preview={preview} weight={weight} /> : null}
        {preview && preview.changed > 0 ? (
          <>
            <Field label={t("Reason")}>{({ id }) => <input id={id} type="text" maxLength={2000} value={reason} onInput={(event) => setReason(event.currentTarget.value)} />}</Field>
            <Button small look="primary" busy={start.busy} disabled={reason.trim() === ""} onClick={() => void start.run()}>{t("Regrade this one")}</Button>
          </>
        ) : null}
        <Problem error={look.error ?? start.error} />
        <p role="status" class="ax-good">{said}</p>
      </div>
    </details>
  );
}

export function Trail({ entries, weight }: { entries: AuditEntry[]; weight: number }) {
  const words: Record<AuditEntry["action"], string> = {
    review: t("Review"), lock: t("Began to grade"), release: t("Let go"), take_over: t("Took over"), allowance: t("Tries and time"), note: t("Note"), regrade: t("Regrade"),
  };
  return (
    <details class="ax-details">
      <summary>{t("Audit trail")} ({entries.length})</summary>
      <ol class="ax-history">
        {entries.map((entry) => (
          <li key={entry.id}>
            <p><strong>{words[entry.action]}</strong> <span class="ax-hint"><bdi>{entry.grader_name}</bdi> · {absolute(entry.created_at)}</span></p>
            {changes(entry, weight).map((line) => <p key={line} class="ax-change"><bdi>{line}</bdi></p>)}
            {entry.reason ? <p class="ax-prewrap"><bdi>{entry.reason}</bdi></p> : null}
          </li>
        ))}
      </ol>
    </details>
  );
}

/** “name: before → after” of what an entry changed. */
function changes(entry: AuditEntry, weight: number): string[] {
  const names: Record<string, string> = {
    score: t("points"), rubric_score: t("rubric"), override_score: t("override"), returned: t("given back"), extra_tries: t("extra tries"), extended_until: t("until"), spec: t("spec"),
  };
  const show = (name: string, value: unknown): string => {
    if (value === null || value === undefined || value === "") return "–";
    if (typeof value === "number" && name.endsWith("score")) return points(value * weight);
    if (typeof value === "boolean") return value ? t("yes") : t("no");
    if (name === "extended_until") return absolute(String(value));
    return name === "spec" ? String(value).slice(0, 8) : String(value);
  };
  return Object.keys(entry.after)
    .filter((name) => name in names && entry.before[name] !== entry.after[name])
    .map((name) => `${names[name]}: ${show(name, entry.before[name])} → ${show(name, entry.after[name])}`);
}
