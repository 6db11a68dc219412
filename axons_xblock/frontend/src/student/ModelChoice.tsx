/** Which trained model the step is about. */
import { percent } from "../core/format";
import { t } from "../core/i18n";
import { figure, hasMasks } from "../core/task";
import { modelName } from "../core/words";
import { useUid } from "../ui/uid";
import { useDesk } from "./context";

export function ModelChoice({ label }: { label?: string }) {
  const { project, model, chooseModel } = useDesk();
  const id = useUid();
  if (!model || project.models.length < 2) return null;
  return (
    <p class="ax-model-choice">
      <label for={id}>{label ?? t("Model")}</label>
      <select id={id} value={model.id} onChange={(event) => chooseModel(event.currentTarget.value)}>
        {project.models.map((each) => (
          <option key={each.id} value={each.id}>
            {hasMasks(project.spec)
              ? t("{run}: mean IoU {iou}", { run: modelName(project, each), iou: percent(figure(project.spec, each.metrics?.validation) ?? 0) })
              : t("{run}: {accuracy} right", { run: modelName(project, each), accuracy: percent(each.metrics?.validation?.accuracy ?? 0) })}
          </option>
        ))}
      </select>
    </p>
  );
}
