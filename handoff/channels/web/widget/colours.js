// The shop picks any accent; the text on it and in it must stay readable (WCAG 2.2, contrast of at least 4.5
// : 1).

const DEFAULT_ACCENT = "#0f5c57";
const LIGHT_SURFACE = [255, 255, 255];
const DARK_SURFACE = [42, 40, 38]; // the lightest surface of the dark theme, see --raised in style.css
const ENOUGH_CONTRAST = 4.6;

/** [r, g, b] of an opaque CSS colour, or null for anything that is not one. */
export function parseColour(value) {
  if (!value || !CSS.supports("color", value)) return null;
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = value;
  const hex = /^#(..)(..)(..)$/.exec(context.fillStyle);
  return hex ? hex.slice(1).map((part) => parseInt(part, 16)) : null;
}

function luminance(colour) {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The colour moved towards a target, step by step, until it can be read on the surface. */
function readableOn(surface, colour, target) {
  for (let share = 0; share <= 1; share += 0.05) {
    const mixed = colour.map((part, index) => Math.round(part + (target[index] - part) * share));
    if (contrast(mixed, surface) >= ENOUGH_CONTRAST) return mixed;
  }
  return target;
}

const css = (colour) => `rgb(${colour.join(" ")})`;

/**
 * Custom properties for an accent: its surface, text on it, and itself as text in the light and the dark
 * theme.
 */
export function accentProperties(value) {
  const accent = parseColour(value) ?? parseColour(DEFAULT_ACCENT);
  const white = [255, 255, 255];
  const black = [0, 0, 0];
  return {
    "--accent": css(accent),
    "--on-accent": contrast(accent, white) >= ENOUGH_CONTRAST ? css(white) : css(black),
    "--accent-text-light": css(
      readableOn(
        LIGHT_SURFACE.map((part) => part - 14),
        accent,
        black,
      ),
    ),
    "--accent-text-dark": css(readableOn(DARK_SURFACE, accent, white)),
  };
}
