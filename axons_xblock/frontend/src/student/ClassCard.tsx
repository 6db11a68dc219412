/** One class of a training set in the making: where its pictures are dropped, and the first of them. */
import { useEffect, useState } from "preact/hooks";
import { number, percent } from "../core/format";
import { t, tn } from "../core/i18n";
import type { Source } from "../core/sources";
import type { Upload, UploadQueue } from "../core/uploads";
import { Icon, Picture } from "../ui/basics";
import { FileDrop } from "../ui/filedrop";

const FIRST = 12;
const MORE = 48;

interface Props { name: string; uploads: Upload[]; queue: UploadQueue; classes: string[]; onFiles: ((sources: Source[], problems: string[]) => void) | null }

export function ClassCard({ name, uploads, queue, classes, onFiles }: Props) {
  const [shown, setShown] = useState(FIRST);
  return (
    <section class="ax-class-card" aria-label={name}>
      <h5><bdi>{name}</bdi>{uploads.length > 0 ? <span class="ax-count">+{number(uploads.length)}</span> : null}</h5>
      {onFiles ? <FileDrop compact label={t("Drop pictures of “{name}” here", { name })} cameraName={name.replace(/[^\p{L}\p{N}]+/gu, "-")} onFiles={onFiles} /> : null}
      {uploads.length > 0 ? (
        <ul class="ax-thumbs">
          {uploads.slice(0, shown).map((each) => <Thumb key={each.key} upload={each} queue={queue} classes={classes} />)}
        </ul>
      ) : null}
      {uploads.length > shown ? (
        <button type="button" class="ax-link" onClick={() => setShown(shown + MORE)}>{tn("Show {n} more", "Show {n} more", Math.min(MORE, uploads.length - shown))}</button>
      ) : null}
    </section>
  );
}

/** A picture on the student's own disk needs no server to be seen. */
function useLocalUrl(source: Source | null): string | null {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => {
    let made: string | null = null;
    let gone = false;
    source?.open().then((blob) => {
      if (gone) return;
      made = URL.createObjectURL(blob);
      setUrl(made);
    }, () => undefined);
    return () => {
      gone = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [source]);
  return url;
}

function Thumb({ upload, queue, classes }: { upload: Upload; queue: UploadQueue; classes: string[] }) {
  const url = useLocalUrl(upload.source);
  const words = {
    waiting: t("waiting"), sending: percent(upload.progress, 0), sent: t("sent"), failed: t("did not arrive"), missing: t("still missing"), refused: "", duplicate: "",
  };
  const known = classes.includes(upload.label);
  return (
    <li class={`ax-thumb ax-thumb-${upload.state}`}>
      <Picture key={url ?? ""} src={url} alt={`${upload.name}, ${words[upload.state]}`} label={upload.name} />
      {upload.state === "sending" ? <span class="ax-thumb-progress" style={{ inlineSize: `${upload.progress * 100}%` }} aria-hidden="true" /> : null}
      <span class="ax-thumb-tools">
        <select aria-label={t("Class of {name}", { name: upload.name })} value={known ? upload.label : ""} onChange={(event) => queue.relabel(upload.key, event.currentTarget.value)}>
          {known ? null : <option value="">{t("Class…")}</option>}
          {classes.map((each) => <option key={each} value={each}>{each}</option>)}
        </select>
        <button type="button" aria-label={t("Remove {name}", { name: upload.name })} onClick={() => queue.remove(upload.key)}><Icon name="cross" size={14} /></button>
      </span>
    </li>
  );
}
