/** What became of every file that was sent in. */
import { useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import type { ReportLine } from "../core/types";
import { Icon } from "../ui/basics";

/** `counts` knows of lines that a long report keeps elsewhere: accepted ones, for refusals come first. */
export function Report({ lines, counts }: { lines: ReportLine[]; counts?: Record<string, number> }) {
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
          {refused.length > shown.length ? <button type="button" class="ax-link" onClick={() => setAll(true)}>{tn("Show {n} more file", "Show {n} more files", refused.length - shown.length)}</button> : null}
        </>
      ) : null}
    </section>
  );
}
