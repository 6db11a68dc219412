/** Builds the next version of a training set: pictures added, left out, or moved to another class. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import { sortByFolder, type Sorted } from "../core/picking";
import { useAsk } from "../core/session";
import type { Source } from "../core/sources";
import type { TrainingSet } from "../core/types";
import { setTitle } from "../core/words";
import { UploadQueue, type Totals, type Upload } from "../core/uploads";
import { Button, Notice, Problem } from "../ui/basics";
import { FileDrop } from "../ui/filedrop";
import { ClassCard } from "./ClassCard";
import { useDesk } from "./context";
import { Gallery } from "./Gallery";
import { Sorting } from "./Sorting";
import { UploadPanel } from "./UploadPanel";

interface Props { base: TrainingSet | null; onClose: () => void; onSaved: (id: string) => void }

export function SetEditor({ base, onClose, onSaved }: Props) {
  const { session, project, isWorkshop = false } = useDesk();
  // With a hidden test set the classes are the author's; without any, the student names them.
  const given = base?.classes ?? (isWorkshop ? [] : project.starter_set?.classes ?? project.training_sets[0]?.classes ?? []);
  const [classes, setClasses] = useState<string[]>(given);
  const free = isWorkshop || given.length === 0;
  const [uploads, setUploads] = useState<Upload[]>([]);
  const [totals, setTotals] = useState<Totals | null>(null);
  const [unsorted, setUnsorted] = useState<Sorted["unknown"]>([]);
  const [problems, setProblems] = useState<string[]>([]);
  const [exclusions, setExclusions] = useState<ReadonlySet<string>>(new Set());
  const [relabels, setRelabels] = useState<Record<string, string>>({});
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [label, setLabel] = useState<string | null>(null);
  const [name, setName] = useState("");
  const heading = useRef<HTMLHeadingElement>(null);
  const queue = useMemo(
    () => new UploadQueue({ service: session.uploads("training_set"), onChange: (all, sums) => { setUploads(all); setTotals(sums); } }),
    [session],
  );
  const earlier = useAsk(async () => queue.restore(await session.waitingUploads()));
  useEffect(() => {
    heading.current?.focus();
    void earlier.run();
    return () => queue.close();
  }, [queue]);
  const moving = totals?.moving ?? 0;
  useEffect(() => {
    if (moving === 0) return undefined;
    const warn = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", warn);
    return () => window.removeEventListener("beforeunload", warn);
  }, [moving > 0]);

  const sent = uploads.filter((each) => each.state === "sent");
  const byClass = useMemo(() => grouped(uploads), [uploads]);
  const homeless = uploads.filter((each) => !classes.includes(each.label) && each.state !== "refused" && each.state !== "duplicate");
  useEffect(() => {
    // A class that the student named on an earlier visit.
    if (free && homeless.length > 0) setClasses([...new Set([...classes, ...homeless.map((each) => each.label).filter(Boolean)])]);
  }, [free && homeless.length > 0]);
  const take = (name: string) => (sources: Source[], said: string[]) => { setProblems(said); queue.add(sources, name); };
  const sort = (sources: Source[], said: string[]) => {
    const { placed, unknown } = sortByFolder(sources, classes);
    for (const [name, inside] of placed) queue.add(inside, name);
    setProblems(said);
    setUnsorted((old) => [...old, ...unknown]);
  };
  const changes = sent.length + exclusions.size + Object.keys(relabels).length;
  const save = useAsk(async () => {
    const set = await session.createSet({
      base: base?.id ?? null,
      additions: sent.filter((each) => classes.includes(each.label)).map((each) => ({ upload: each.uploadId ?? "", label: each.label })),
      exclusions: [...exclusions],
      relabels,
    });
    queue.close();
    onSaved(set.id);
  });
  const addClass = () => {
    const clean = name.trim();
    if (clean && !classes.includes(clean)) setClasses([...classes, clean]);
    setName("");
  };
  const put = (hash: string, out: boolean) => setExclusions((old) => {
    const next = new Set(old);
    if (out) next.add(hash);
    else next.delete(hash);
    return next;
  });

  return (
    <div class="ax-editor">
      <div class="ax-row ax-spread">
        <h4 ref={heading} tabIndex={-1}>{base ? t("A new version of “{name}”", { name: setTitle(base) }) : t("A training set of your own")}</h4>
        <Button look="quiet" small onClick={onClose}>{t("Back without saving")}</Button>
      </div>
      <p class="ax-lead">{t("Drop pictures on the class they belong to. Different backgrounds, light and angles teach the model most.")}</p>

      {free ? (
        <form class="ax-row ax-add-class" onSubmit={(event) => { event.preventDefault(); addClass(); }}>
          <label class="ax-grow">
            <span class="ax-visually-hidden">{t("Name of a class")}</span>
            <input type="text" value={name} maxLength={60} placeholder={t("Name of a class, such as “ripe”")} onInput={(event) => setName(event.currentTarget.value)} />
          </label>
          <Button icon="plus" onClick={addClass}>{t("Add class")}</Button>
        </form>
      ) : null}
      <FileDrop folders label={t("Drop a folder or a zip file here. The folders inside name the classes.")} onFiles={sort} />
      {problems.length > 0 ? <Notice kind="warning" live><ul>{problems.map((each) => <li key={each}><bdi>{each}</bdi></li>)}</ul></Notice> : null}
      {unsorted.length > 0 ? (
        <Sorting
          groups={unsorted} classes={classes} free={free}
          onDone={(choices) => {
            const fresh = choices.map(([name]) => name).filter((name) => !classes.includes(name));
            setClasses([...new Set([...classes, ...fresh])]);
            for (const [name, sources] of choices) queue.add(sources, name);
            setUnsorted([]);
          }}
        />
      ) : null}
      {totals ? <UploadPanel totals={totals} uploads={uploads} queue={queue} /> : null}
      {earlier.error ? <Notice kind="warning"><p>{t("What you sent on an earlier visit could not be listed.")} <bdi>{earlier.error.message}</bdi></p><Button small onClick={() => void earlier.run()}>{t("Try again")}</Button></Notice> : null}
      <div class="ax-class-grid">
        {classes.map((each) => <ClassCard key={each} name={each} uploads={byClass.get(each) ?? []} queue={queue} classes={classes} onFiles={take(each)} />)}
        {homeless.length > 0 && !free ? <ClassCard name={t("Without a class")} uploads={homeless} queue={queue} classes={classes} onFiles={null} /> : null}
      </div>
      {free && classes.length < 2 ? <p class="ax-note">{t("Name at least two classes: a model learns to tell them apart.")}</p> : null}

      {base ? (
        <section>
          <h4>{t("Pictures already there")}</h4>
          <p class="ax-help">{t("Pick pictures that are wrong or misleading, then leave them out or move them.")}</p>
          <div class="ax-pick-bar" aria-live="polite">
            <span>{picked.size > 0 ? tn("{n} picked", "{n} picked", picked.size) : t("None picked")}</span>
            <Button small disabled={picked.size === 0} onClick={() => { picked.forEach((hash) => put(hash, true)); setPicked(new Set()); }}>{t("Leave out")}</Button>
            <label class="ax-row">
              <span class="ax-visually-hidden">{t("Move to class")}</span>
              <select
                disabled={picked.size === 0} value=""
                onChange={(event) => {
                  const to = event.currentTarget.value;
                  setRelabels((old) => ({ ...old, ...Object.fromEntries([...picked].map((hash) => [hash, to])) }));
                  setPicked(new Set());
                  event.currentTarget.value = "";
                }}
              >
                <option value="">{t("Move to…")}</option>
                {classes.map((each) => <option key={each} value={each}>{each}</option>)}
              </select>
            </label>
            <Button
              small icon="undo" look="quiet" disabled={picked.size === 0}
              onClick={() => {
                picked.forEach((hash) => put(hash, false));
                setRelabels((old) => Object.fromEntries(Object.entries(old).filter(([hash]) => !picked.has(hash))));
                setPicked(new Set());
              }}
            >{t("As it was")}</Button>
          </div>
          <Gallery
            set={base} label={label} onLabel={setLabel} picked={picked}
            onPick={({ sha256 }) => setPicked((old) => {
              const next = new Set(old);
              if (!next.delete(sha256)) next.add(sha256);
              return next;
            })}
            mark={({ sha256, label: was }) => (exclusions.has(sha256) ? <span class="ax-mark-out">{t("left out")}</span> : relabels[sha256] ? <span class="ax-mark-moved">→ {relabels[sha256]}</span> : was)}
          />
        </section>
      ) : null}

      <div class="ax-save-bar">
        <div class="ax-grow" aria-live="polite">
          <span>{moving > 0 ? t("You can save when everything has been sent.") : [
            tn("{n} picture added", "{n} pictures added", sent.length),
            exclusions.size ? tn("{n} left out", "{n} left out", exclusions.size) : "",
            Object.keys(relabels).length ? tn("{n} moved", "{n} moved", Object.keys(relabels).length) : "",
          ].filter(Boolean).join(" · ")}</span>
        </div>
        <Button look="primary" busy={save.busy} disabled={changes === 0 || moving > 0} onClick={() => void save.run()}>{t("Check and save as a new version")}</Button>
      </div>
      <Problem error={save.error} />
    </div>
  );
}

/** Uploads by class, without those that do not count. */
function grouped(uploads: Upload[]): Map<string, Upload[]> {
  const groups = new Map<string, Upload[]>();
  for (const each of uploads) {
    if (each.state === "refused" || each.state === "duplicate") continue;
    const group = groups.get(each.label);
    if (group) group.push(each);
    else groups.set(each.label, [each]);
  }
  return groups;
}
