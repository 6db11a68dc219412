/** A line chart (uPlot) with a legend of its own: values under the pointer, else the newest; a press hides a line. */
import { useEffect, useRef, useState } from "preact/hooks";
import UPlot from "uplot";
import { t } from "../core/i18n";
import { significant } from "../core/format";

export interface Line { key: string; label: string; colour: string; dash?: number[]; wide?: boolean; points: [number, number][] }
interface Props {
  title: string; lines: Line[]; format: (value: number) => string; axis: (value: number) => string; range?: [number, number]; x: string;
  sync?: string; hidden: ReadonlySet<string>; onToggle: (key: string) => void; height?: number;
}

/** All lines on one shared, sorted x axis; null where a line has no point. */
export function align(lines: Line[]): UPlot.AlignedData {
  const xs = [...new Set(lines.flatMap((line) => line.points.map(([x]) => x)))].sort((a, b) => a - b);
  const place = new Map(xs.map((x, i) => [x, i]));
  const columns = lines.map((line) => {
    const column: (number | null)[] = new Array<number | null>(xs.length).fill(null);
    for (const [x, y] of line.points) column[place.get(x)!] = Number.isFinite(y) ? y : null;
    return column;
  });
  return [xs, ...columns] as UPlot.AlignedData;
}

export function Chart({ title, lines, format, axis, range, x, sync, hidden, onToggle, height = 200 }: Props) {
  const holder = useRef<HTMLDivElement>(null);
  const plot = useRef<UPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const shape = lines.map((line) => line.key + line.label).join("|");

  useEffect(() => {
    const element = holder.current;
    if (!element) return;
    const style = getComputedStyle(element);
    const colour = (name: string) => style.getPropertyValue(name).trim() || "#555";
    const grid = { stroke: colour("--ax-line"), width: 1 };
    const font = `12px ${style.fontFamily}`;
    const made = new UPlot(
      {
        width: Math.max(200, element.clientWidth), height, legend: { show: false }, padding: [8, 10, 0, 0],
        cursor: { points: { size: 7 }, drag: { x: false, y: false }, sync: sync ? { key: sync, setSeries: false } : undefined },
        scales: { x: { time: false, range: (_u, low, high) => (low === high ? [0, Math.max(1, high)] : [Math.min(0, low), high]) }, y: range ? { range } : { range: (_u, low, high) => [Math.min(0, low), high === low ? high + 1 : high * 1.05] } },
        axes: [
          { stroke: colour("--ax-ink-2"), grid: { show: false }, ticks: { show: false }, font, size: 26, gap: 2, label: x, labelSize: 16, labelGap: 0, labelFont: font, values: (_u, values) => values.map((value) => (Number.isInteger(value) ? significant(value) : "")) },
          { stroke: colour("--ax-ink-2"), grid, ticks: { show: false }, font, size: 52, gap: 4, values: (_u, values) => values.map(axis) },
        ],
        series: [{}, ...lines.map((line) => ({
          label: line.label, stroke: colour(line.colour), width: line.wide ? 2.25 : 1.25, dash: line.dash, spanGaps: true,
          points: { show: line.points.length < 2, size: 6, fill: colour(line.colour) }, show: !hidden.has(line.key),
        }))],
        hooks: { setCursor: [(u) => setAt(u.cursor.idx ?? null)] },
      },
      align(lines), element,
    );
    plot.current = made;
    const observer = new ResizeObserver(() => {
      if (element.clientWidth > 0) made.setSize({ width: element.clientWidth, height });
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [shape, lines.some((line) => line.points.length >= 2)]);

  useEffect(() => {
    plot.current?.setData(align(lines));
  }, [lines]);

  useEffect(() => {
    lines.forEach((line, i) => plot.current?.setSeries(i + 1, { show: !hidden.has(line.key) }));
  }, [hidden, shape]);

  const columns = align(lines);
  const epoch = at === null ? null : columns[0][at];
  return (
    <figure class="ax-chart">
      <figcaption>
        <strong>{title}</strong>
        <span class="ax-hint">{epoch === null || epoch === undefined ? t("newest values") : `${x} ${significant(epoch)}`}</span>
      </figcaption>
      <div class="ax-legend" role="group" aria-label={t("Lines; press one to hide it")}>
        {lines.map((line, i) => {
          const value = at === null ? null : nearest(columns[i + 1] as (number | null)[], at);
          const shown = value ?? line.points[line.points.length - 1]?.[1];
          return (
            <button type="button" key={line.key} aria-pressed={!hidden.has(line.key)} onClick={() => onToggle(line.key)}>
              <span class="ax-legend-line" style={{ background: `var(${line.colour})` }} aria-hidden="true" />
              <span>{line.label}</span> <strong>{shown === undefined ? "–" : format(shown)}</strong>
            </button>
          );
        })}
      </div>
      <div class="ax-plot" dir="ltr" ref={holder} role="img" aria-label={describe(title, lines, format)} />
    </figure>
  );
}

/** The value at `place`, or the last one before it. */
export function nearest(column: (number | null)[], place: number): number | null {
  for (let i = place; i >= 0; i -= 1) if (column[i] !== null && column[i] !== undefined) return column[i] as number;
  return null;
}

function describe(title: string, lines: Line[], format: (value: number) => string): string {
  const parts = lines.filter((line) => line.points.length > 0).map((line) => t("{label}: from {first} to {last}", {
    label: line.label, first: format(line.points[0]![1]), last: format(line.points[line.points.length - 1]![1]),
  }));
  return `${title}. ${parts.join("; ")}.`;
}
