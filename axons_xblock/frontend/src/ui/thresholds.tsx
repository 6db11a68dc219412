/** The grading rule as a staircase, or as a line: how much of a metric earns how many points. */
import { percent, points } from "../core/format";
import { t } from "../core/i18n";
import type { Grading } from "../core/types";
import { metricName, scoreFor } from "../core/words";

export function Thresholds({ grading, weight, value = null }: { grading: Grading; weight: number; value?: number | null }) {
  const steps = [...grading.thresholds].sort((a, b) => a.at_least - b.at_least);
  const width = 600;
  const height = 110;
  const floor = height - 4;
  const y = (score: number) => floor - score * (height - 24);
  let path = `M0 ${y(0)}`;
  let area = `M0 ${floor} L0 ${y(0)}`;
  steps.forEach((step, i) => {
    const x = step.at_least * width;
    const level = y(scoreFor(grading, step.at_least));
    const part = i > 0 && grading.between === "line" ? ` L${x} ${level}` : ` H${x} V${level}`;
    path += part;
    area += part;
  });
  path += ` H${width}`;
  area += ` H${width} V${floor} Z`;
  const words = steps.map((step) => t("from {value} {metric}: {points} of {weight} points", { value: percent(step.at_least), metric: metricName(grading.metric), points: points(step.score * weight), weight: points(weight) }));
  return (
    <div class="ax-thresholds">
      <div class="ax-stair" aria-hidden="true">
        <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none">
          <path d={area} class="ax-stair-area" />
          <path d={path} class="ax-stair-line" vector-effect="non-scaling-stroke" />
          {value === null ? null : <line x1={value * width} x2={value * width} y1={4} y2={floor} class="ax-stair-you" vector-effect="non-scaling-stroke" />}
        </svg>
        {value === null ? null : <span class={`ax-stair-flag${value > 0.7 ? " ax-flip" : ""}`} style={{ insetInlineStart: `${value * 100}%` }}>{t("your best: {value}", { value: percent(value) })}</span>}
        <div class="ax-stair-axis"><span>{percent(0)}</span><span>{percent(0.5)}</span><span>{percent(1)}</span></div>
      </div>
      <ul>{words.map((each) => <li key={each}>{each}</li>)}</ul>
      {grading.between === "line" && steps.length > 1 ? <p class="ax-hint">{t("Between two of them the points rise evenly.")}</p> : null}
    </div>
  );
}
