/** Takes pictures with the device's camera, in place. */
import { useEffect, useRef, useState } from "preact/hooks";
import { t, tn } from "../core/i18n";
import { Button, Notice } from "./basics";

/** Browsers offer the camera only on https pages and localhost. */
export function cameraAvailable(): boolean {
  return typeof navigator !== "undefined" && Boolean(navigator.mediaDevices?.getUserMedia);
}

/** Where there is no camera in the page, a phone's file input can still open its camera. */
export function photoInputUseful(): boolean {
  return typeof matchMedia === "function" && matchMedia("(pointer: coarse)").matches;
}

const BURST = 10;
const BURST_EVERY = 250;

function sentence(error: unknown): string {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError") return t("The browser may not use the camera. Allow it in the address bar, or choose a file instead.");
  if (name === "NotFoundError") return t("No camera was found. Choose a file instead.");
  return t("The camera could not be started; another program may be using it. Choose a file instead.");
}

interface Props { onPicture: (file: File) => void; onClose: () => void; name: string; burst?: boolean }

export function Camera({ onPicture, onClose, name, burst = false }: Props) {
  const video = useRef<HTMLVideoElement>(null);
  const [error, setError] = useState<string | null>(null);
  const [ready, setReady] = useState(false);
  const [taken, setTaken] = useState(0);
  const [left, setLeft] = useState(0);
  const number = useRef(0);
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
      number.current += 1;
      setTaken(number.current);
      const stamp = new Date().toISOString().replace(/[-:T]/g, "").slice(0, 14);
      onPicture(new File([blob], `${name}-${stamp}-${number.current}.jpg`, { type: "image/jpeg" }));
    }, "image/jpeg", 0.92);
  };
  useEffect(() => {
    if (left === 0) return undefined;
    take();
    const timer = setTimeout(() => setLeft(left - 1), BURST_EVERY);
    return () => clearTimeout(timer);
  }, [left]);
  return (
    <div class="ax-camera">
      {error ? (
        <Notice kind="warning"><p>{error}</p></Notice>
      ) : (
        <video ref={video} autoplay playsInline muted aria-label={t("Camera picture")} onLoadedData={() => setReady(true)} />
      )}
      <div class="ax-row">
        {error ? null : <Button look="primary" small icon="camera" disabled={!ready || left > 0} onClick={take}>{t("Take a picture")}</Button>}
        {burst && !error ? (
          left > 0
            ? <Button small onClick={() => setLeft(0)}>{t("Stop")}</Button>
            : <Button small disabled={!ready} onClick={() => setLeft(BURST)}>{t("Take {n} in a row", { n: BURST })}</Button>
        ) : null}
        <Button small onClick={onClose}>{t("Close camera")}</Button>
        {taken > 0 ? <span class="ax-hint" role="status">{tn("{n} picture taken", "{n} pictures taken", taken)}</span> : null}
      </div>
    </div>
  );
}
