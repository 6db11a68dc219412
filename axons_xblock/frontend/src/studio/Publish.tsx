/** The last step in the workshop: under which title, and with what said of it, a version goes into the library. */
import { useState } from "preact/hooks";
import { number } from "../core/format";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import type { LibrarySet, TrainingSet } from "../core/types";
import type { Publication, Role, Workshop } from "../core/workshop";
import { setTitle } from "../core/words";
import { Button, Field, Notice, Problem, ProgressBar } from "../ui/basics";

interface Props {
  session: Workshop; set: TrainingSet; role: Role; masked: boolean; own: LibrarySet[]; forked: LibrarySet | null; against: string | null;
  /** What the author has written so far; it outlives this form, which is away while a version is made. */
  said: Said; say: (said: Said) => void;
  onLeftOut: (id: string) => void; onPublished: (found: Publication) => void;
}
export type Said = Partial<Record<"next" | "title" | "description" | "licence" | "credits", string>>;

export function Publish({ session, set, role, masked, own, forked, against, said, say, onLeftOut, onPublished }: Props) {
  const next = said.next ?? forked?.id ?? "";
  const title = said.title ?? "";
  const description = said.description ?? forked?.description ?? "";
  const licence = said.licence ?? set.licence ?? "";
  const credits = said.credits ?? set.credits ?? "";
  const [found, setFound] = useState<Publication | null>(null);
  const publish = useAsk(async (despite: boolean) => {
    setFound(null);
    const made = await session.publish({ training_set: set.id, kind: role, set: next || null, title, description, licence, credits, against, despite_leakage: despite }, setFound);
    if (made.state === "ready") onPublished(made);
  });
  const leaks = publish.error?.code === "leakage_found" ? Object.entries(publish.error.fields) : [];
  const leaveOut = useAsk(async () => {
    const fresh = await session.changeSet(set.id, { exclusions: leaks.map(([hash]) => hash), inclusions: [], relabels: {}, renames: {}, splits: {}, split: null });
    publish.clear();
    onLeftOut(fresh.id);
  });
  const wrong = publish.error?.fields["title"];
  return (
    <form class="ax-form-section" noValidate onSubmit={(event) => { event.preventDefault(); void publish.run(false); }}>
      <h3>{role === "hidden" ? t("Publish as a hidden test set") : t("Publish as a starter set")}</h3>
      <p class="ax-help">{t("“{name}”, {pictures}. A published version never changes: to change something later, publish the next one. Exercises keep the version that they name. All authors of this course can choose it, those of other courses cannot.", { name: setTitle(set), pictures: tn("{n} picture", "{n} pictures", set.image_count) })}</p>
      <div class="ax-form-grid">
        {own.length > 0 ? (
          <Field label={t("Publish it as")}>
            {({ id }) => (
              <select id={id} value={next} onChange={(event) => say({ ...said, next: event.currentTarget.value })}>
                <option value="">{t("A new set")}</option>
                {own.map((each) => <option key={each.id} value={each.id}>{t("The next version of “{title}”", { title: each.title })}</option>)}
              </select>
            )}
          </Field>
        ) : null}
        <Field label={t("Title of the set")} hint={next ? t("Empty keeps the title") : undefined} error={wrong}>
          {({ id, invalid, describedBy }) => <input id={id} type="text" maxLength={200} value={title} aria-invalid={invalid} aria-describedby={describedBy} onInput={(event) => { publish.clear(); say({ ...said, title: event.currentTarget.value }); }} />}
        </Field>
        <Field label={t("Licence")} hint={t("such as CC BY 4.0")}>
          {({ id }) => <input id={id} type="text" maxLength={200} value={licence} onInput={(event) => say({ ...said, licence: event.currentTarget.value })} />}
        </Field>
      </div>
      <Field label={t("What it shows")}>
        {({ id }) => <textarea id={id} rows={2} maxLength={5000} value={description} onInput={(event) => say({ ...said, description: event.currentTarget.value })} />}
      </Field>
      <Field label={t("Who made the pictures")} help={t("Students read this beside the pictures.")}>
        {({ id, describedBy }) => <textarea id={id} rows={2} maxLength={50000} value={credits} aria-describedby={describedBy} onInput={(event) => say({ ...said, credits: event.currentTarget.value })} />}
      </Field>
      {leaks.length > 0 ? (
        <Notice kind="warning" live title={t("Some pictures are in both sets")}>
          <p>{publish.error?.message}</p>
          <ul class="ax-leaks">{leaks.slice(0, 20).map(([hash, sentence]) => <li key={hash}><bdi>{sentence}</bdi></li>)}</ul>
          {leaks.length > 20 ? <p>{t("And {n} more.", { n: number(leaks.length - 20) })}</p> : null}
          <div class="ax-row">
            <Button small look="primary" busy={leaveOut.busy} onClick={() => void leaveOut.run()}>{t("Leave these out")}</Button>
            <Button small look="quiet" busy={publish.busy} onClick={() => void publish.run(true)}>{t("Publish all the same")}</Button>
          </div>
          <Problem error={leaveOut.error} />
        </Notice>
      ) : wrong ? null : <Problem error={publish.error} />}
      {found?.state === "preparing" ? (
        <div role="status">
          <ProgressBar value={found.progress && found.progress.total > 0 ? found.progress.done / found.progress.total : null} label={t("Moving into the library")} />
          <p class="ax-facts-line">{t("The pictures are being moved into the library. You may leave this page; the set is there when you come back.")}</p>
        </div>
      ) : null}
      {found?.state === "failed" ? <Notice kind="error" live><p>{found.message}</p></Notice> : null}
      {role === "hidden" && !masked ? <p class="ax-hint">{t("Its classes must be those of the starter set, spelled the same.")}</p> : null}
      <div class="ax-row"><Button type="submit" look="primary" busy={publish.busy}>{t("Publish and choose it")}</Button></div>
    </form>
  );
}
