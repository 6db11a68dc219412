/** A picture with its mask laid over it, and the legend of the classes' colours. */
import { Picture } from "./basics";

/** `strength` is how much of the mask covers the picture, 0 to 1. Without a mask it is the picture alone. */
export function Masked({ src, mask, alt, strength }: { src: string | null | undefined; mask: string | null | undefined; alt: string; strength: number }) {
  if (!mask) return <Picture src={src} alt={alt} />;
  return (
    <span class="ax-masked">
      <Picture src={src} alt={alt} />
      {strength > 0 ? <img class="ax-mask" src={mask} alt="" loading="lazy" decoding="async" style={{ opacity: strength }} /> : null}
    </span>
  );
}

export function Legend({ colours, label }: { colours: Record<string, string>; label: string }) {
  const classes = Object.entries(colours);
  if (classes.length === 0) return null;
  return (
    <ul class="ax-colours" aria-label={label}>
      {classes.map(([name, colour]) => <li key={name}><ColourDot colour={colour} /> <bdi>{name}</bdi></li>)}
    </ul>
  );
}

export function ColourDot({ colour }: { colour: string | undefined }) {
  return <span class="ax-colour" style={{ background: /^#[0-9a-f]{6}$/i.test(colour ?? "") ? colour : "transparent" }} aria-hidden="true" />;
}
