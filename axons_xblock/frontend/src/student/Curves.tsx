/** Loss and accuracy (of masks: mean IoU) against epochs: one run while it learns, or several laid over each other. */
import { useMemo, useRef, useState } from "preact/hooks";
import { percent, significant } from "../core/format";
import { t } from "../core/i18n";
import { measureTitle, type Measure } from "../core/task";
import type { MetricPoint } from "../core/types";
import { Chart, type Line } from "../ui/chart";

export interface CurveRun { id: string; name: string; train: MetricPoint[]; validation: MetricPoint[] }

const RUN_COLOURS = ["--ax-run-1", "--ax-run-2", "--ax-run-3", "--ax-run-4", "--ax-run-5"];

export function lines(runs: CurveRun[], value: "loss" | Measure): Line[] {
  const at = (p: MetricPoint): [number, number] => [p.epoch, p[value] ?? NaN];
  if (runs.length === 1) {
    const run = runs[0]!;
    return [
      { key: "train", label: t("pictures it learns from"), colour: "--ax-train", points: run.train.map(at) },
      { key: "validation", label: t("held-back pictures"), colour: "--ax-validation", wide: true, points: run.validation.map(at) },
    ].filter((line) => line.points.length > 0) as Line[];
  }
  return runs.map((run, i) => ({
    key: run.id, label: run.name, colour: RUN_COLOURS[i % RUN_COLOURS.length]!, dash: i % 2 === 1 ? [6, 4] : undefined, wide: true, points: run.validation.map(at),
  }));
}

export function Curves({ runs, measure = "accuracy" }: { runs: CurveRun[]; measure?: Measure }) {
  const [hidden, setHidden] = useState<ReadonlySet<string>>(new Set());
  const sync = useRef(`ax-${Math.random().toString(36).slice(2)}`);
  const toggle = (key: string) => setHidden((old) => {
    const next = new Set(old);
    if (!next.delete(key)) next.add(key);
    return next;
  });
  const loss = useMemo(() => lines(runs, "loss"), [runs]);
  const quality = useMemo(() => lines(runs, measure), [runs, measure]);
  return (
    <>
      <div class="ax-curves">
        <Chart title={measureTitle(measure)} lines={quality} format={(value) => percent(value)} axis={(value) => percent(value, 0)} range={[0, 1]} x={t("epoch")} sync={sync.current} hidden={hidden} onToggle={toggle} />
        <Chart title={t("Loss")} lines={loss} format={(value) => significant(value)} axis={(value) => significant(value, 2)} x={t("epoch")} sync={sync.current} hidden={hidden} onToggle={toggle} />
      </div>
      <CurveTable runs={runs} measure={measure} />
    </>
  );
}

/** The same as numbers, for whoever cannot see the lines. */
function CurveTable({ runs, measure }: { runs: CurveRun[]; measure: Measure }) {
  const run = runs.length === 1 ? runs[0]! : null;
  const [open, setOpen] = useState(false);
  if (!run) return null;
  const points = run.validation.length > 0 ? run.validation : run.train;
  return (
    <details class="ax-details" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{t("Curves as a table")}</summary>
      {open ? (
        <div class="ax-table-scroll">
          <table class="ax-table">
            <thead><tr><th scope="col" class="ax-num">{t("Epoch")}</th><th scope="col" class="ax-num">{measureTitle(measure)}</th><th scope="col" class="ax-num">{t("Loss")}</th></tr></thead>
            <tbody>{points.slice(-100).map((p) => <tr key={p.step}><td class="ax-num">{significant(p.epoch)}</td><td class="ax-num">{p[measure] === undefined ? "–" : percent(p[measure] ?? 0)}</td><td class="ax-num">{significant(p.loss)}</td></tr>)}</tbody>
          </table>
        </div>
      ) : null}
    </details>
  );
}
