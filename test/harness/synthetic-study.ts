/**
 * Writes folders of synthetic studies, as a scanner's export would look: the kinds of series, transfer syntaxes,
 * character sets and private elements that the field has. The same options give the same files, byte for byte.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assert, present } from '../../shared/assert.ts';
import type { Element, TransferSyntaxName } from './dicom-writer.ts';
import { ctPalette, mrPalette, Phantom } from './phantom.ts';
import { Random } from './random.ts';
import {
  ctSlice,
  enhancedCt,
  jpegCapture,
  mrSlice,
  type SyntheticInstance,
  type SyntheticSeries,
  type SyntheticStudy,
  textReport,
  uidFrom,
} from './synthetic-instance.ts';

interface SeriesTemplate {
  readonly kind: 'ct' | 'enhanced-ct' | 'mr' | 'capture' | 'report';
  readonly description: string;
  readonly transferSyntax: TransferSyntaxName;
  /** Share of the bytes of all studies; captures and reports are small and few whatever the size. */
  readonly parts: number;
  readonly undefinedLengths?: boolean;
  readonly privateElements?: boolean;
}

interface StudyTemplate {
  readonly description: string;
  readonly patient: Pick<SyntheticStudy, 'patientName' | 'patientComments' | 'characterSet'>;
  readonly series: readonly SeriesTemplate[];
}

/** Kanji as ISO 2022 IR 87: escape sequences in and out again before each delimiter (PS3.5 section 6.1.2.5.3). */
const iso2022Name = Buffer.from('Synthetic^Taro=\u001b$B;n83\u001b(B^\u001b$BB@O:\u001b(B', 'latin1');

const report: SeriesTemplate = {
  kind: 'report',
  description: 'Report',
  transferSyntax: 'explicitLittleEndian',
  parts: 0,
  undefinedLengths: true,
};

/** Parts add up to about 300, so that with the default size a part is a megabyte. */
const studyTemplates: readonly StudyTemplate[] = [
  {
    description: 'CT chest',
    patient: {
      patientName: 'Prüfkörper^Eins=試験^一郎',
      patientComments: 'Übungsdaten; nobody',
      characterSet: 'ISO_IR 192',
    },
    series: [
      { kind: 'ct', description: 'Chest 1.25 mm', transferSyntax: 'explicitLittleEndian', parts: 60 },
      { kind: 'ct', description: 'Lung', transferSyntax: 'explicitLittleEndian', parts: 20 },
      report,
    ],
  },
  {
    description: 'MR head',
    patient: { patientName: 'SYNTHETIC^TWO' },
    series: ['T1', 'T2', 'FLAIR'].map((description) => ({
      kind: 'mr',
      description,
      transferSyntax: 'implicitLittleEndian',
      parts: 8,
      privateElements: true,
    })),
  },
  {
    description: 'CT enhanced',
    patient: { patientName: 'SYNTHETIC^THREE' },
    series: [
      {
        kind: 'enhanced-ct',
        description: 'All frames in one',
        transferSyntax: 'explicitLittleEndian',
        parts: 60,
        undefinedLengths: true,
        privateElements: true,
      },
    ],
  },
  {
    description: 'CT trauma',
    patient: { patientName: 'UNKNOWN^SYNTHETIC' },
    series: [
      {
        kind: 'ct',
        description: 'Whole body',
        transferSyntax: 'explicitLittleEndian',
        parts: 85,
        privateElements: true,
      },
    ],
  },
  {
    description: 'Transfer syntaxes',
    patient: { patientName: 'SYNTHETIC^FIVE' },
    series: [
      {
        kind: 'mr',
        description: 'Big endian',
        transferSyntax: 'explicitBigEndian',
        parts: 8,
        privateElements: true,
      },
      { kind: 'ct', description: 'Deflated', transferSyntax: 'deflated', parts: 6 },
      { kind: 'ct', description: 'RLE', transferSyntax: 'rleLossless', parts: 6, privateElements: true },
      { kind: 'capture', description: 'JPEG', transferSyntax: 'jpegBaseline', parts: 0 },
    ],
  },
  {
    description: 'MR ISO 2022',
    patient: { patientName: iso2022Name, characterSet: '\\ISO 2022 IR 87' },
    series: [
      {
        kind: 'mr',
        description: 'T1',
        transferSyntax: 'explicitLittleEndian',
        parts: 25,
        undefinedLengths: true,
      },
      report,
    ],
  },
];

export interface StudyOptions {
  readonly seed: number;
  /** Default 6: one of each kind; more begin again with the first kind. */
  readonly studies?: number;
  /** Of all files together, default 300 MB. Below about 100 MB the pictures become smaller, not only fewer. */
  readonly approximateBytes?: number;
}

export interface WrittenInstance {
  readonly path: string;
  readonly studyUid: string;
  readonly seriesUid: string;
  readonly sopInstanceUid: string;
  readonly bytes: number;
}

/** Writes `folder/study-<n>/series-<n>/<nnnnn>.dcm` and tells what is in each file, in the order written. */
export async function writeStudies(folder: string, options: StudyOptions): Promise<WrittenInstance[]> {
  const random = new Random(options.seed).fork('studies');
  const phantom = new Phantom(random.fork('phantom'));
  const written: WrittenInstance[] = [];
  for (const plan of planStudies(options, random)) {
    for (const { series, template, bytes } of plan.series) {
      const seriesFolder = join(folder, `study-${plan.number}`, `series-${series.number}`);
      await mkdir(seriesFolder, { recursive: true });
      const writer = new SeriesWriter(plan.study, series, template, phantom, random.fork(series.seriesUid));
      for (const { sopInstanceUid, file } of writer.instances(bytes)) {
        const path = join(seriesFolder, `${String(written.length + 1).padStart(5, '0')}.dcm`);
        await writeFile(path, file);
        written.push({
          path,
          studyUid: plan.study.studyUid,
          seriesUid: series.seriesUid,
          sopInstanceUid,
          bytes: file.byteLength,
        });
      }
    }
  }
  return written;
}

interface StudyPlan {
  readonly number: number;
  readonly study: SyntheticStudy;
  readonly series: readonly {
    readonly series: SyntheticSeries;
    readonly template: SeriesTemplate;
    readonly bytes: number;
  }[];
}

function planStudies(options: StudyOptions, random: Random): StudyPlan[] {
  const studies = options.studies ?? studyTemplates.length;
  const approximateBytes = options.approximateBytes ?? 300e6;
  assert(studies >= 1 && studies <= 10_000, 'between 1 and 10000 studies');
  const templates = Array.from({ length: studies }, (_, index) =>
    present(studyTemplates[index % studyTemplates.length], 'a template for each remainder'),
  );
  const allSeries = templates.flatMap((template) => template.series);
  const allParts = allSeries.reduce((sum, series) => sum + series.parts, 0);
  return templates.map((template, index) => {
    const number = index + 1;
    const uids = random.fork('uids').fork(number);
    const study: SyntheticStudy = {
      ...template.patient,
      studyUid: uidFrom(uids),
      studyId: `SYN${number}`,
      date: '20260115',
      time: `${String(8 + (index % 12)).padStart(2, '0')}1500`,
      description: template.description,
      patientId: `SYNTHETIC-${String(number).padStart(4, '0')}`,
    };
    const series = template.series.map((seriesTemplate, position) => ({
      series: {
        seriesUid: uidFrom(uids),
        frameOfReferenceUid: uidFrom(uids),
        number: position + 1,
        description: seriesTemplate.description,
      },
      template: seriesTemplate,
      bytes: (approximateBytes * seriesTemplate.parts) / allParts,
    }));
    return { number, study, series };
  });
}

/** Bytes of the elements beside the pixels, about. */
const headerBytes = 2048;

/** What a pixel takes of its two bytes, measured on these phantoms. */
const compressedShare: Readonly<Record<TransferSyntaxName, number>> = {
  implicitLittleEndian: 1,
  explicitLittleEndian: 1,
  explicitBigEndian: 1,
  deflated: 0.5,
  rleLossless: 0.5,
  jpegBaseline: 0.01,
};

/** Makes the instances of one series, one at a time, so that one file is in memory. */
class SeriesWriter {
  readonly #study: SyntheticStudy;
  readonly #series: SyntheticSeries;
  readonly #template: SeriesTemplate;
  readonly #phantom: Phantom;
  readonly #random: Random;

  constructor(
    study: SyntheticStudy,
    series: SyntheticSeries,
    template: SeriesTemplate,
    phantom: Phantom,
    random: Random,
  ) {
    this.#study = study;
    this.#series = series;
    this.#template = template;
    this.#phantom = phantom;
    this.#random = random;
  }

  *instances(bytes: number): Generator<{ sopInstanceUid: string; file: Uint8Array }> {
    const { size, count, frames } = this.#extent(bytes);
    for (let number = 1; number <= count; number++) {
      const instance = this.#instance(number);
      const position = (number - 0.5) / count;
      yield { sopInstanceUid: instance.sopInstanceUid, file: this.#file(instance, size, position, frames) };
    }
  }

  /** Size of a picture, instances, and frames in each, for about so many bytes. */
  #extent(bytes: number): { size: number; count: number; frames: number } {
    const { kind, transferSyntax } = this.#template;
    if (kind === 'report') return { size: 0, count: 1, frames: 0 };
    if (kind === 'capture') return { size: 256, count: 2, frames: 12 };
    let size = kind === 'mr' ? 256 : 512;
    const frameBytes = (): number => headerBytes + size * size * 2 * compressedShare[transferSyntax];
    while (size > 32 && bytes / frameBytes() < 4) size /= 2;
    const pictures = Math.max(1, Math.round(bytes / frameBytes()));
    return kind === 'enhanced-ct'
      ? { size, count: 1, frames: pictures }
      : { size, count: pictures, frames: 1 };
  }

  #instance(number: number): SyntheticInstance {
    return {
      study: this.#study,
      series: this.#series,
      sopInstanceUid: uidFrom(this.#random),
      number,
      transferSyntax: this.#template.transferSyntax,
      undefinedLengths: this.#template.undefinedLengths ?? false,
      privateElements: this.#template.privateElements === true ? privateElements(this.#random) : [],
    };
  }

  #file(instance: SyntheticInstance, size: number, position: number, frames: number): Uint8Array {
    const pixels = new Uint16Array(size * size * frames);
    const palette = this.#template.kind === 'mr' ? mrPalette : ctPalette;
    for (let frame = 0; frame < frames; frame++) {
      const picture = pixels.subarray(frame * size * size, (frame + 1) * size * size);
      this.#phantom.draw(picture, size, frames === 1 ? position : (frame + 0.5) / frames, palette);
    }
    switch (this.#template.kind) {
      case 'ct':
        return ctSlice(instance, pixels, size);
      case 'mr':
        return mrSlice(instance, pixels, size);
      case 'enhanced-ct':
        return enhancedCt(instance, pixels, size);
      case 'capture': {
        const grey = Uint8Array.from(pixels, (pixel) => Math.min(pixel >>> 3, 255));
        const pictures = Array.from({ length: frames }, (_, frame) =>
          grey.subarray(frame * size * size, (frame + 1) * size * size),
        );
        return jpegCapture(instance, pictures, size, 1 + (instance.number % 3));
      }
      case 'report':
        return textReport(instance, ['Ellipses, as planned.', 'Noise, as seeded.']);
    }
  }
}

/** As scanners add them (PS3.5 section 7.8): a block of a private creator, with bytes, odd ones, and a sequence. */
function privateElements(random: Random): Element[] {
  const creator: Element = { tag: 0x00290010, vr: 'LO', value: 'SYNTHETIC PHANTOM' };
  return [
    creator,
    { tag: 0x00291008, vr: 'CS', value: 'SEED NOISE' },
    { tag: 0x00291010, vr: 'OB', value: random.bytes(random.between(200, 4000)) },
    { tag: 0x00291018, vr: 'UN', value: random.bytes(7) },
    { tag: 0x00291020, vr: 'SQ', value: [[creator, { tag: 0x00291021, vr: 'FD', value: random.next() }]] },
  ];
}
