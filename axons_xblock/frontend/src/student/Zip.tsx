/** A training set as a zip to take home, and a zip as a new training set. */
import { useRef, useState } from "preact/hooks";
import { bytes, number, percent } from "../core/format";
import { t } from "../core/i18n";
import { randomId } from "../core/keys";
import { useAsk } from "../core/session";
import type { Export, TrainingSet } from "../core/types";
import { hasMasks } from "../core/task";
import { putWithXhr, TransferError } from "../core/transfer";
import { ApiError } from "../core/api";
import { setTitle } from "../core/words";
import { Button, Icon, Notice, Problem, ProgressBar } from "../ui/basics";
import { useDesk } from "./context";

export function TakeHome({ set }: { set: TrainingSet }) {
  const { session, project } = useDesk();
  const [found, setFound] = useState<Export | null>(null);
  const ask = useAsk(() => session.exportSet(set.id, setFound));
  const mine = found?.training_set === set.id ? found : null;
  return (
    <div class="ax-zip">
      <h4>{t("Take “{name}” home", { name: setTitle(set) })}</h4>
      <p class="ax-help">{hasMasks(project.spec)
        ? t("All pictures with their masks: a folder images, a folder masks, and classes.txt. The zip is kept for a day.")
        : t("All pictures in folders named as their classes, as most tools read them. The zip is kept for a day.")}</p>
      {mine?.state === "preparing" ? (
        <>
          <ProgressBar value={mine.total > 0 ? mine.done / mine.total : null} label={t("Packing the zip")} />
          <p class="ax-facts-line" aria-live="polite">{t("{done} of {total} packed", { done: number(mine.done), total: number(mine.total) })}</p>
        </>
      ) : mine?.state === "ready" && mine.url ? (
        <p><a class="ax-button ax-primary ax-small" href={mine.url} download><Icon name="download" size={18} />{t("Save the zip ({size})", { size: bytes(mine.bytes ?? 0) })}</a></p>
      ) : (
        <Button small icon="download" busy={ask.busy} onClick={() => void ask.run()}>{t("Make a zip")}</Button>
      )}
      {mine?.state === "failed" ? <Notice kind="error"><p>{mine.message}</p></Notice> : null}
      {mine?.state === "expired" ? <Notice kind="warning"><p>{t("This zip is no longer kept. Make a new one.")}</p></Notice> : null}
      <Problem error={ask.error} />
    </div>
  );
}

export function ImportZip({ onSaved }: { onSaved: (id: string) => void }) {
  const { session, project } = useDesk();
  const input = useRef<HTMLInputElement>(null);
  const [share, setShare] = useState<number | null>(null);
  const bring = useAsk(async (file: File) => {
    setShare(0);
    try {
      const offer = { client_id: randomId(), name: file.name, bytes: file.size, content_type: "application/zip" };
      const { uploads, rejected } = await session.uploads("archive").declare([offer]);
      const ticket = uploads[0];
      if (!ticket) throw new ApiError(422, "rejected", rejected?.[0]?.reason ?? t("This file cannot be sent."));
      await putWithXhr(ticket, file, (sent) => setShare(file.size ? sent / file.size : 0), new AbortController().signal);
      onSaved((await session.importZip(ticket.id)).id);
    } catch (error) {
      if (error instanceof TransferError) throw new ApiError(503, "not_sent", t("The zip did not arrive. Check your connection and choose it again."));
      throw error;
    } finally {
      setShare(null);
    }
  });
  return (
    <div class="ax-zip">
      <h4>{t("Bring a zip along")}</h4>
      <p class="ax-help">{hasMasks(project.spec)
        ? t("Pictures of your own need masks, so they come as a zip: the folder images, the folder masks with a PNG of the same name and size for each picture, and classes.txt. The value of a pixel is the number of its class, counted from 0 in the order of classes.txt; 255 is not counted.")
        : t("Have a zip with one folder for each class? Bring it along as a new training set.")}</p>
      <input
        ref={input} type="file" class="ax-visually-hidden" accept=".zip,application/zip" tabIndex={-1} aria-label={t("A zip of pictures")}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = "";
          if (file) void bring.run(file);
        }}
      />
      {share === null ? null : (
        <>
          <ProgressBar value={share} label={t("Sending the zip")} />
          <p class="ax-facts-line">{share < 1 ? t("{share} sent", { share: percent(share, 0) }) : t("Being opened…")}</p>
        </>
      )}
      <Button small icon="upload" busy={bring.busy} onClick={() => input.current?.click()}>{t("Choose a zip")}</Button>
      <Problem error={bring.error} />
    </div>
  );
}
