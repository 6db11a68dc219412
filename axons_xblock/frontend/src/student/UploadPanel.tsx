/** How far the sending is, what stands in its way, and what the student can do about it. */
import { useEffect, useState } from "preact/hooks";
import { bytes, duration, number, percent } from "../core/format";
import { t, tn } from "../core/i18n";
import type { Connection } from "../core/line";
import type { Totals, Upload, UploadQueue } from "../core/uploads";
import { Announce, Button, Icon, Notice, ProgressBar } from "../ui/basics";

const FEW = 6;

export function UploadPanel({ totals, uploads, queue }: { totals: Totals; uploads: Upload[]; queue: UploadQueue }) {
  const failed = uploads.filter((each) => each.state === "failed");
  const left = uploads.filter((each) => each.state === "refused" || each.state === "duplicate");
  if (totals.files === 0 && left.length === 0) return null;
  return (
    <section class="ax-uploads" aria-label={t("Sending pictures")}>
      {totals.files > 0 ? <Progress totals={totals} queue={queue} /> : null}
      {totals.missing > 0 ? (
        <Notice kind="warning" title={tn("{n} picture of an earlier visit is still missing", "{n} pictures of an earlier visit are still missing", totals.missing)}>
          <p>{t("Choose the same files or the same folder again. What has arrived is not sent twice.")}</p>
          <div class="ax-row"><Button small onClick={() => queue.dismiss(["missing"])}>{t("Go on without them")}</Button></div>
        </Notice>
      ) : null}
      {failed.length > 0 ? (
        <Notice kind="warning" title={tn("{n} file did not arrive", "{n} files did not arrive", failed.length)}>
          <Reasons lines={failed} />
          <div class="ax-row">
            <Button small icon="undo" onClick={() => queue.retry()}>{t("Try again")}</Button>
            <Button small look="quiet" onClick={() => queue.dismiss(["failed"])}>{t("Leave them out")}</Button>
          </div>
        </Notice>
      ) : null}
      {left.length > 0 ? (
        <Notice kind="info" title={tn("{n} file is left out; the rest is kept", "{n} files are left out; the rest is kept", left.length)}>
          <Reasons lines={left} />
          <div class="ax-row"><Button small look="quiet" onClick={() => queue.dismiss(["refused", "duplicate"])}>{t("Dismiss")}</Button></div>
        </Notice>
      ) : null}
    </section>
  );
}

function Progress({ totals, queue }: { totals: Totals; queue: UploadQueue }) {
  const { moving, connection } = totals;
  const share = totals.bytes > 0 ? totals.sentBytes / totals.bytes : 0;
  const paused = connection.mode === "paused";
  const words = { all: number(totals.files), sent: number(totals.sentFiles) };
  const facts = [
    t("{sent} of {all}", { sent: bytes(totals.sentBytes), all: bytes(totals.bytes) }),
    totals.bytesPerSecond ? t("{speed} a second", { speed: bytes(totals.bytesPerSecond) }) : "",
    totals.secondsLeft !== null ? t("about {time} left", { time: duration(Math.max(1, Math.round(totals.secondsLeft))) }) : "",
  ].filter(Boolean);
  const done = moving === 0;
  return (
    <div class={`ax-wash ax-sending${connection.mode === "open" || done ? "" : " ax-sending-held"}`}>
      <div class="ax-row ax-spread">
        <p class="ax-sending-count"><strong>{done
          ? totals.sentFiles < totals.files
            ? t("{sent} of {all} pictures have arrived", words)
            : tn("{n} picture has arrived", "{n} pictures have arrived", totals.sentFiles)
          : t("{sent} of {all} pictures sent", words)}</strong></p>
        <div class="ax-row">
          {done ? null : paused
            ? <Button small icon="play" onClick={() => queue.resume()}>{t("Go on")}</Button>
            : <Button small icon="pause" onClick={() => queue.pause()}>{t("Pause")}</Button>}
          <Cancel totals={totals} queue={queue} />
        </div>
      </div>
      <ProgressBar value={share} label={t("Sending pictures")} />
      <p class="ax-facts-line">{done && totals.skipped > 0
        ? tn("{n} file had arrived before and was skipped.", "{n} files had arrived before and were skipped.", totals.skipped)
        : facts.map((fact) => <span key={fact} class="ax-num">{fact}</span>)}</p>
      {done ? null : <Held connection={connection} onNow={() => queue.retry()} />}
      <Announce text={said(totals, share, done)} />
    </div>
  );
}

/** For screen readers: a new sentence at every tenth, and when the connection changes. */
function said({ connection, sentFiles, failed }: Totals, share: number, done: boolean): string {
  if (done) return [tn("{n} picture has arrived", "{n} pictures have arrived", sentFiles), failed > 0 ? tn("{n} file did not arrive", "{n} files did not arrive", failed) : ""].filter(Boolean).join(". ");
  if (connection.mode === "paused") return t("Sending is paused.");
  if (connection.mode !== "open") return t("The connection is broken. Sending goes on by itself when it is back.");
  return t("{share} of the pictures are sent.", { share: percent(Math.floor(share * 10) / 10, 0) });
}

function Held({ connection, onNow }: { connection: Connection; onNow: () => void }) {
  const [now, setNow] = useState(Date.now());
  const waiting = connection.mode === "broken" || connection.mode === "busy";
  useEffect(() => {
    if (!waiting) return undefined;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), 500);
    return () => clearInterval(timer);
  }, [waiting]);
  if (connection.mode === "paused") return <p class="ax-hint">{t("Sending is paused. What has arrived stays for a day.")}</p>;
  if (connection.mode === "open") return null;
  const seconds = Math.max(0, Math.ceil((connection.retryAt - now) / 1000));
  return (
    <div class="ax-row ax-sending-broken">
      <Icon name="alert" size={18} />
      <span class="ax-grow">
        {connection.mode === "busy" ? t("The store for pictures is busy.") : connection.failures > 6 ? t("The store for pictures cannot be reached from here; a firewall may be in the way.") : t("The connection is broken. Sending goes on by itself when it is back.")}{" "}
        {seconds > 0 ? t("Next try in {time}.", { time: duration(seconds) }) : t("Trying…")}
      </span>
      <Button small onClick={onNow}>{t("Try now")}</Button>
    </div>
  );
}

function Cancel({ totals, queue }: { totals: Totals; queue: UploadQueue }) {
  const [asking, setAsking] = useState(false);
  if (!asking) return <Button small look="quiet" onClick={() => setAsking(true)}>{totals.moving > 0 ? t("Cancel") : t("Throw away")}</Button>;
  return (
    <span class="ax-row" role="group" aria-label={t("Throw away")}>
      <span class="ax-hint">{tn("Throw away {n} picture?", "Throw away {n} pictures?", totals.files)}</span>
      <Button small look="danger" onClick={() => { setAsking(false); queue.cancel(); }}>{t("Throw away")}</Button>
      <Button small onClick={() => setAsking(false)}>{t("Keep")}</Button>
    </span>
  );
}

/** Each reason once, however many files have it. */
function Reasons({ lines }: { lines: Upload[] }) {
  const [all, setAll] = useState(false);
  const reasons = [...new Set(lines.map((each) => each.message))];
  const shown = all ? reasons : reasons.slice(0, FEW);
  return (
    <>
      <ul class="ax-reasons">{shown.map((reason) => <li key={reason ?? ""}><bdi>{reason}</bdi></li>)}</ul>
      {reasons.length > shown.length ? <div><button type="button" class="ax-link" onClick={() => setAll(true)}>{tn("Show {n} more file", "Show {n} more files", reasons.length - shown.length)}</button></div> : null}
    </>
  );
}
