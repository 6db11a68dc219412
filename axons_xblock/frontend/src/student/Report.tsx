/** What became of every file that was sent in. */
import { useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import { useAsk } from "../core/session";
import type { ReportLine, TrainingSet } from "../core/types";
import { Button, Icon, Problem } from "../ui/basics";
import { useDesk } from "./context";

/** A set brings the first lines of its report, refusals first; a longer one is fetched when it is asked for. */
export function Report({ set }: { set: TrainingSet }) {
  const { session } = useDesk();
  const counts = set.report_counts;
  const [lines, setLines] = useState<ReportLine[]>(set.report ?? []);
  const [next, setNext] = useState<string | null>(String(lines.length - 1));
  const whole = next === null || Object.values(counts ?? {}).reduce((sum, each) => sum + each, 0) <= lines.length;
  const more = useAsk(async () => {
    const page = await session.report(set.id, next ?? undefined);
    setLines((old) => [...old, ...page.lines]);
    setNext(page.next);
    setAll(true);
  });
  const refused = lines.filter((line) => !line.accepted);
  const accepted = counts?.["added"] ?? lines.filter((line) => line.accepted && (line.code === null || line.code === "added")).length;
  const [all, setAll] = useState(false);
  const shown = all ? refused : refused.slice(0, 8);
  return (
    <section class="ax-report" aria-label={t("Report on your pictures")}>
      <h4>{t("What became of your pictures")}</h4>
      {accepted > 0 ? <p class="ax-good"><Icon name="check" size={18} /> {tn("{n} picture was accepted.", "{n} pictures were accepted.", accepted)}</p> : null}
      {refused.length > 0 ? (
        <>
          <p class="ax-bad"><Icon name="alert" size={18} /> {tn("{n} file was left out; the rest is kept:", "{n} files were left out; the rest is kept:", refused.length)}</p>
          <ul class="ax-report-list">
            {shown.map((line, index) => <li key={`${line.file}-${index}`}><bdi>{line.reason ?? t("“{name}” was not accepted.", { name: line.file })}</bdi></li>)}
          </ul>
          {all && !whole ? <Button small busy={more.busy} onClick={() => void more.run()}>{t("Show more lines")}</Button> : null}
          <Problem error={more.error} />
          {refused.length > shown.length ? <button type="button" class="ax-link" onClick={() => setAll(true)}>{tn("Show {n} more file", "Show {n} more files", refused.length - shown.length)}</button> : null}
        </>
      ) : null}
    </section>
  );
}
