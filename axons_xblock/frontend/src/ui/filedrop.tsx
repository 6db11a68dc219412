/** A place to drop pictures, folders and zip files, with pickers and the camera beside it. */
import { useRef, useState } from "preact/hooks";
import { t } from "../core/i18n";
import { fromDrop, fromFiles, type Picked } from "../core/picking";
import { sourceOf, type Source } from "../core/sources";
import { isZip } from "../core/zip";
import { Button, Icon } from "./basics";
import { Camera, cameraAvailable, photoInputUseful } from "./camera";
import { useUid } from "./uid";

interface Props {
  onFiles: (sources: Source[], problems: string[]) => void;
  multiple?: boolean; label: string; compact?: boolean; cameraName?: string;
  /** Takes a zip that comes alone as it is, instead of the pictures in it. */
  onZip?: (file: File) => void;
  /** Offers to choose a whole folder instead of the camera. */
  folders?: boolean;
}

const PICTURES = "image/*,.jpg,.jpeg,.png,.webp,.heic";

export function FileDrop({ onFiles, multiple = true, label, compact = false, cameraName = "camera", folders = false, onZip }: Props) {
  const [over, setOver] = useState(false);
  const [camera, setCamera] = useState(false);
  const [reading, setReading] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const folder = useRef<HTMLInputElement>(null);
  const photo = useRef<HTMLInputElement>(null);
  const id = useUid();
  const give = async (picking: Promise<Picked>) => {
    setReading(true);
    try {
      const { sources, problems } = await picking;
      if (sources.length > 0 || problems.length > 0) onFiles(multiple ? sources : sources.slice(0, 1), problems);
    } finally {
      setReading(false);
    }
  };
  const whole = (files: FileList | null | undefined): boolean => {
    const [file] = files ?? [];
    if (!onZip || !file || files?.length !== 1 || !isZip(file)) return false;
    onZip(file);
    return true;
  };
  const chosen = (event: { currentTarget: HTMLInputElement }) => {
    const input = event.currentTarget;
    if (!whole(input.files)) void give(fromFiles([...(input.files ?? [])]));
    input.value = "";
  };
  return (
    <div class={`ax-drop-holder${compact ? " ax-drop-compact" : ""}`}>
      <div
        class={`ax-drop${over ? " ax-drop-over" : ""}`} aria-busy={reading ? "true" : undefined}
        onDragOver={(event) => { event.preventDefault(); setOver(true); }}
        onDragLeave={() => setOver(false)}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          if (event.dataTransfer && !whole(event.dataTransfer.files)) void give(fromDrop(event.dataTransfer));
        }}
      >
        {compact ? null : <Icon name={folders ? "folder" : "upload"} size={26} />}
        <label for={id} class="ax-drop-label">{label}</label>
        <input ref={input} id={id} type="file" class="ax-visually-hidden" accept={multiple ? `${PICTURES},.zip` : PICTURES} multiple={multiple} tabIndex={-1} onChange={chosen} />
        <div class="ax-row ax-center">
          <Button small busy={reading} icon="upload" aria-describedby={id} onClick={() => input.current?.click()}>{multiple ? t("Choose files") : t("Choose a file")}</Button>
          {folders ? (
            <>
              <input ref={folder} type="file" class="ax-visually-hidden" tabIndex={-1} aria-label={t("Folder")} multiple {...{ webkitdirectory: true }} onChange={chosen} />
              <Button small icon="folder" onClick={() => folder.current?.click()}>{t("Choose a folder")}</Button>
            </>
          ) : cameraAvailable() ? (
            <Button small icon="camera" aria-expanded={camera} onClick={() => setCamera(!camera)}>{t("Camera")}</Button>
          ) : photoInputUseful() ? (
            <>
              <input ref={photo} type="file" class="ax-visually-hidden" tabIndex={-1} aria-label={t("Photo")} accept="image/*" capture="environment" onChange={chosen} />
              <Button small icon="camera" onClick={() => photo.current?.click()}>{t("Take a picture")}</Button>
            </>
          ) : null}
        </div>
      </div>
      {camera ? <Camera name={cameraName} burst={multiple} onPicture={(file) => { onFiles([sourceOf(file)], []); if (!multiple) setCamera(false); }} onClose={() => setCamera(false)} /> : null}
    </div>
  );
}
