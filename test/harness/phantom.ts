/**
 * Pictures of nobody: ellipses in a body ellipse, with noise from a seed, so that no two slices are alike and
 * none compresses to nothing. Values are stored pixel values; what they mean is the caller's.
 */
import type { Random } from './random.ts';

/** An ellipse in units of the picture's size, seen between two positions along the body (0 to 1). */
interface Ellipse {
  readonly x: number;
  readonly y: number;
  readonly radiusX: number;
  readonly radiusY: number;
  readonly from: number;
  readonly to: number;
  readonly tissue: Tissue;
}

type Tissue = 'soft' | 'air' | 'bone' | 'dense';

/** The pixel value of each tissue and of the space around; noise adds 0 to `noise`. */
export interface Palette {
  readonly outside: number;
  readonly soft: number;
  readonly air: number;
  readonly bone: number;
  readonly dense: number;
  readonly noise: number;
}

/** CT numbers + 1024, 12 bits. */
export const ctPalette: Palette = { outside: 8, soft: 1050, air: 180, bone: 1750, dense: 1120, noise: 64 };
/** Arbitrary signal, 12 bits. */
export const mrPalette: Palette = { outside: 4, soft: 420, air: 20, bone: 60, dense: 760, noise: 48 };

const body: readonly Ellipse[] = [
  { x: 0.5, y: 0.5, radiusX: 0.42, radiusY: 0.31, from: 0, to: 1, tissue: 'soft' },
  { x: 0.31, y: 0.46, radiusX: 0.13, radiusY: 0.18, from: 0.1, to: 0.8, tissue: 'air' },
  { x: 0.69, y: 0.46, radiusX: 0.13, radiusY: 0.18, from: 0.1, to: 0.8, tissue: 'air' },
  { x: 0.54, y: 0.42, radiusX: 0.09, radiusY: 0.1, from: 0.3, to: 0.7, tissue: 'dense' },
  { x: 0.5, y: 0.71, radiusX: 0.06, radiusY: 0.05, from: 0, to: 1, tissue: 'bone' },
  { x: 0.5, y: 0.71, radiusX: 0.02, radiusY: 0.02, from: 0, to: 1, tissue: 'soft' },
];

const noiseCount = 2 ** 20;

export class Phantom {
  readonly #random: Random;
  /** Numbers 0 to 65535, more often in the middle: each slice reads them from another place on. */
  readonly #noise: Uint16Array;

  constructor(random: Random) {
    this.#random = random;
    this.#noise = new Uint16Array(noiseCount);
    for (let index = 0; index < noiseCount; index++) {
      const word = random.word();
      this.#noise[index] = ((word & 0xffff) + (word >>> 16)) >>> 1;
    }
  }

  /** Draws one square slice into `pixels` (size * size of them) at `position` along the body, 0 to 1. */
  draw(pixels: Uint16Array, size: number, position: number, palette: Palette): void {
    pixels.fill(palette.outside);
    for (const ellipse of body) drawEllipse(pixels, size, ellipse, position, palette[ellipse.tissue]);
    const start = this.#random.integer(noiseCount);
    const scale = palette.noise + 1;
    const noises = this.#noise;
    for (let index = 0; index < pixels.length; index++) {
      const noise = noises[(start + index) & (noiseCount - 1)] ?? 0;
      pixels[index] = (pixels[index] ?? 0) + ((noise * scale) >>> 16);
    }
  }
}

/** Fills the rows of one ellipse; it is thickest half way between its ends. */
function drawEllipse(
  pixels: Uint16Array,
  size: number,
  shape: Ellipse,
  position: number,
  value: number,
): void {
  if (position < shape.from || position > shape.to) return;
  const along = (position - shape.from) / (shape.to - shape.from);
  const thickness = 0.85 + 0.6 * along * (1 - along);
  const radiusY = shape.radiusY * thickness * size;
  const top = Math.ceil(shape.y * size - radiusY);
  for (let row = top; row <= shape.y * size + radiusY; row++) {
    const height = (row - shape.y * size) / radiusY;
    const half = shape.radiusX * thickness * size * Math.sqrt(Math.max(0, 1 - height * height));
    const first = Math.round(shape.x * size - half);
    pixels.fill(value, row * size + first, row * size + Math.round(shape.x * size + half));
  }
}
