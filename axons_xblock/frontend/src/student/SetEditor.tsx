/** Builds the next version of a training set: pictures added, left out, or moved to another class. */
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { percent } from "../core/format";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import type { TrainingSet } from "../core/types";
import { setTitle } from "../core/words";
import { UploadQueue, type Upload } from "../core/uploads";
import { Button, Icon, Notice, Picture, Problem, ProgressBar } from "../ui/basics";
import { FileDrop } from "../ui/filedrop";
import { useDesk } from "./context";
import { Gallery } from "./Gallery";

interface Props { base: TrainingSet | null; onClose: () => void; onSaved: (id: string) => void }

export function SetEditor({ base, onClose, onSaved }: Props) {
  const { session, project } = useDesk();
  // With a hidden test set the classes are the author's; without any, the student names them.
  const given = base?.classes ?? project.starter_set?.classes ?? project.training_sets[0]?.classes ?? [];
  const [classes, setClasses] = useState<string[]>(given);
  const free = given.length === 0;
  const [uploads, setUploads] = useState<Upload[]>([]);
  const [exclusions, setExclusions] = useState<ReadonlySet<string>>(new Set());
  const [relabels, setRelabels] = useState<Record<string, string>>({});
  const [picked, setPicked] = useState<ReadonlySet<string>>(new Set());
  const [label, setLabel] = useState<string | null>(null);
  const [name, setName] = useState("");
  const heading = useRef<HTMLHeadingElement>(null);
  const queue = useMemo(() => new UploadQueue({ requestTickets: session.tickets("training_set"), onChange: setUploads }), [session]);
  useEffect(() => {
    heading.current?.focus();
    return () => queue.clear();
  }, [queue]);

  const sent = uploads.filter((each) => each.state === "sent");
  const failed = uploads.filter((each) => each.state === "failed");
  const moving = uploads.filter((each) => each.state === "waiting" || each.state === "sending");
  const changes = sent.length + exclusions.size + Object.keys(relabels).length;
  const save = useAsk(async () => {
    const set = await session.createSet({
      base: base?.id ?? null,
      additions: sent.map((each) => ({ upload: each.uploadId ?? "", label: each.label })),
      exclusions: [...exclusions],
      relabels,
    });
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
      <div class="ax-class-grid">
        {classes.map((each) => (
          <ClassCard key={each} name={each} uploads={uploads.filter((one) => one.label === each)} queue={queue} classes={classes} />
        ))}
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
          {moving.length > 0 ? (
            <>
              <span>{tn("{n} file is on its way…", "{n} files are on their way…", moving.length)}</span>
              <ProgressBar value={uploads.reduce((sum, each) => sum + (each.state === "sent" ? 1 : each.progress), 0) / Math.max(1, uploads.length)} label={t("Sending pictures")} />
            </>
          ) : (
            <span>{[
              tn("{n} picture added", "{n} pictures added", sent.length),
              exclusions.size ? tn("{n} left out", "{n} left out", exclusions.size) : "",
              Object.keys(relabels).length ? tn("{n} moved", "{n} moved", Object.keys(relabels).length) : "",
            ].filter(Boolean).join(" · ")}</span>
          )}
        </div>
        <Button look="primary" busy={save.busy} disabled={changes === 0 || moving.length > 0} onClick={() => void save.run()}>{t("Check and save as a new version")}</Button>
      </div>
      {failed.length > 0 ? (
        <Notice kind="warning" title={tn("{n} file did not arrive", "{n} files did not arrive", failed.length)}>
          <ul>{[...new Set(failed.map((each) => each.message))].slice(0, 5).map((message) => <li key={message ?? ""}>{message}</li>)}</ul>
          <Button small onClick={() => queue.retry()}>{t("Send again")}</Button>
        </Notice>
      ) : null}
      <Problem error={save.error} />
    </div>
  );
}

function ClassCard({ name, uploads, queue, classes }: { name: string; uploads: Upload[]; queue: UploadQueue; classes: string[] }) {
  const refused = uploads.filter((each) => each.state === "refused");
  const good = uploads.filter((each) => each.state !== "refused");
  return (
    <section class="ax-class-card" aria-label={name}>
      <h5><bdi>{name}</bdi>{good.length > 0 ? <span class="ax-count">+{good.length}</span> : null}</h5>
      <FileDrop compact label={t("Drop pictures of “{name}” here", { name })} cameraName={name.replace(/[^\p{L}\p{N}]+/gu, "-")} onFiles={(files) => queue.add(files, name)} />
      {good.length > 0 ? (
        <ul class="ax-thumbs">
          {good.map((each) => <Thumb key={each.key} upload={each} queue={queue} classes={classes} />)}
        </ul>
      ) : null}
      {refused.map((each) => (
        <p key={each.key} class="ax-field-error">
          <Icon name="alert" size={16} /><bdi>{each.message}</bdi>
          <button type="button" class="ax-link" onClick={() => queue.remove(each.key)}>{t("Dismiss")}</button>
        </p>
      ))}
    </section>
  );
}

function Thumb({ upload, queue, classes }: { upload: Upload; queue: UploadQueue; classes: string[] }) {
  const url = useMemo(() => URL.createObjectURL(upload.file), [upload.file]);
  useEffect(() => () => URL.revokeObjectURL(url), [url]);
  const word = { waiting: t("waiting"), sending: percent(upload.progress, 0), sent: t("sent"), failed: t("did not arrive"), refused: "" }[upload.state];
  return (
    <li class={`ax-thumb ax-thumb-${upload.state}`}>
      <Picture src={url} alt={`${upload.file.name}, ${word}`} label={upload.file.name} />
      {upload.state === "sending" ? <span class="ax-thumb-progress" style={{ inlineSize: `${upload.progress * 100}%` }} aria-hidden="true" /> : null}
      <span class="ax-thumb-tools">
        <select aria-label={t("Class of {name}", { name: upload.file.name })} value={upload.label} onChange={(event) => queue.relabel(upload.key, event.currentTarget.value)}>
          {classes.map((each) => <option key={each} value={each}>{each}</option>)}
        </select>
        <button type="button" aria-label={t("Remove {name}", { name: upload.file.name })} onClick={() => queue.remove(upload.key)}><Icon name="cross" size={14} /></button>
      </span>
    </li>
  );
}
