/** A place to drop pictures, with a file picker and the camera beside it. */
import { useRef, useState } from "preact/hooks";
import { t } from "../core/i18n";
import { Button, Icon } from "./basics";
import { Camera, cameraAvailable } from "./camera";
import { useUid } from "./uid";

interface Props { onFiles: (files: File[]) => void; multiple?: boolean; label: string; compact?: boolean; cameraName?: string }

/** Also takes pictures out of a dropped folder. */
async function droppedFiles(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.() ?? null);
  if (!entries.some((entry) => entry?.isDirectory)) return [...transfer.files];
  const files: File[] = [];
  const walk = async (entry: FileSystemEntry): Promise<void> => {
    if (entry.isFile) files.push(await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)));
    else if (entry.isDirectory) {
      const reader = (entry as FileSystemDirectoryEntry).createReader();
      for (;;) {
        const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
        if (batch.length === 0) return;
        for (const each of batch) if (!each.name.startsWith(".")) await walk(each);
      }
    }
  };
  for (const entry of entries) if (entry) await walk(entry);
  return files;
}

export function FileDrop({ onFiles, multiple = true, label, compact = false, cameraName = "camera" }: Props) {
  const [over, setOver] = useState(false);
  const [camera, setCamera] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const id = useUid();
  const give = (files: File[]) => {
    if (files.length > 0) onFiles(multiple ? files : files.slice(0, 1));
  };
  return (
    <div class={`ax-drop-holder${compact ? " ax-drop-compact" : ""}`}>
      <div
        class={`ax-drop${over ? " ax-drop-over" : ""}`}
        onDragOver={(event) => { event.preventDefault(); setOver(true); }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          if (event.dataTransfer) void droppedFiles(event.dataTransfer).then(give);
        }}
      >
        {compact ? null : <Icon name="upload" size={26} />}
        <label for={id} class="ax-drop-label">{label}</label>
        <input
          ref={input} id={id} type="file" class="ax-visually-hidden" accept="image/*,.jpg,.jpeg,.png,.webp,.heic" multiple={multiple} tabIndex={-1}
          onChange={(event) => {
            give([...(event.currentTarget.files ?? [])]);
            event.currentTarget.value = "";
          }}
        />
        <div class="ax-row ax-center">
          <Button small icon="upload" aria-describedby={id} onClick={() => input.current?.click()}>{multiple ? t("Choose files") : t("Choose a file")}</Button>
          {cameraAvailable() ? <Button small icon="camera" aria-expanded={camera} onClick={() => setCamera(!camera)}>{t("Camera")}</Button> : null}
        </div>
      </div>
      {camera ? <Camera name={cameraName} onPicture={(file) => { give([file]); if (!multiple) setCamera(false); }} onClose={() => setCamera(false)} /> : null}
    </div>
  );
}
