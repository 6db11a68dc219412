/** Takes pictures with the device's camera, in place. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import { Button, Notice } from "./basics";

/** Browsers offer the camera only on https pages and localhost. */
export function cameraAvailable(): boolean {
  return typeof navigator !== "undefined" && Boolean(navigator.mediaDevices?.getUserMedia);
}

function sentence(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError") return t("The browser may not use the camera. Allow it in the address bar, or choose a file instead.");
  if (name === "NotFoundError") return t("No camera was found. Choose a file instead.");
  return t("The camera could not be started; another program may be using it. Choose a file instead.");
}

export function Camera({ onPicture, onClose, name }: { onPicture: (file: File) => void; onClose: () => void; name: string }) {
  const video = useRef<HTMLVideoElement>(null);
  const [error, setError] = useState<string | null>(null);
  const [ready, setReady] = useState(false);
  const [taken, setTaken] = useState(0);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let gone = false;
    navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1280 } }, audio: false }).then(
      (opened) => {
        stream = opened;
        if (gone) stream.getTracks().forEach((track) => track.stop());
        else if (video.current) video.current.srcObject = opened;
      },
      (failure: unknown) => setError(sentence(failure)),
    );
    return () => {
      gone = true;
      stream?.getTracks().forEach((track) => track.stop());
    };
  }, []);
  const take = () => {
    const source = video.current;
    if (!source?.videoWidth) return;
    const canvas = document.createElement("canvas");
    canvas.width = source.videoWidth;
    canvas.height = source.videoHeight;
    canvas.getContext("2d")?.drawImage(source, 0, 0);
    canvas.toBlob((blob) => {
      if (!blob) return;
      setTaken((count) => count + 1);
      const stamp = new Date().toISOString().replace(/[-:T]/g, "").slice(0, 14);
      onPicture(new File([blob], `${name}-${stamp}-${taken + 1}.jpg`, { type: "image/jpeg" }));
    }, "image/jpeg", 0.92);
  };
  return (
    <div class="ax-camera">
      {error ? (
        <Notice kind="warning"><p>{error}</p></Notice>
      ) : (
        <video ref={video} autoplay playsInline muted aria-label={t("Camera picture")} onLoadedData={() => setReady(true)} />
      )}
      <div class="ax-row">
        {error ? null : <Button look="primary" small icon="camera" disabled={!ready} onClick={take}>{t("Take a picture")}</Button>}
        <Button small onClick={onClose}>{t("Close camera")}</Button>
        {taken > 0 ? <span class="ax-hint" role="status">{tn("{n} picture taken", "{n} pictures taken", taken)}</span> : null}
      </div>
    </div>
  );
}
