/** What the machine wrote while a run trained: its newest lines, and all of it as a file. */
import { useState } from "preact/hooks";
import { number } from "../core/format";
import { t } from "../core/i18n";
import { useAsk } from "../core/session";
import type { Job } from "../core/types";
import { runName } from "../core/words";
import { Button, Problem, Skeleton } from "../ui/basics";
import { useDesk } from "./context";

/** A page that shows every line of a long run scrolls badly; the file has them all. */
const SHOWN = 400;

export function saveText(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export function Log({ job, over, live }: { job: Job; over: boolean; live: string[] }) {
  const { session, project } = useDesk();
  const [text, setText] = useState<string | null>(null);
  const load = useAsk(async () => setText(await session.log(job.id)));
  // While it runs the file is asked for anew, for it grows.
  const save = useAsk(async () => saveText(`${runName(project, job.id).toLowerCase().replace(/\s+/g, "-")}.log`, over && text !== null ? text : await session.log(job.id)));
  const all = over && text !== null ? text.trimEnd().split("\n").filter((line, _i, lines) => lines.length > 1 || line !== "") : live;
  const lines = all.slice(-SHOWN);
  return (
    <details
      class="ax-details"
      onToggle={(event) => {
        if (event.currentTarget.open && over && text === null && !load.busy) void load.run();
      }}
    >
      <summary>{t("Log")}</summary>
      {lines.length > 0 ? <pre class="ax-log" tabIndex={0} dir="ltr">{lines.join("\n")}</pre> : load.busy ? <Skeleton rows={3} /> : text !== null ? <p class="ax-hint">{t("Nothing was logged.")}</p> : null}
      {all.length > lines.length ? <p class="ax-hint">{t("The last {n} lines; the file has all of them.", { n: number(lines.length) })}</p> : null}
      <Problem error={load.error ?? save.error} />
      <div class="ax-row">
        {load.error ? <Button small onClick={() => void load.run()}>{t("Try again")}</Button> : null}
        {text === "" ? null : <Button small icon="download" busy={save.busy} onClick={() => void save.run()}>{t("Download the log")}</Button>}
      </div>
    </details>
  );
}
