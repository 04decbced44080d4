import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inspectInstance } from '../../receiver/gate/inspect.ts';
import { comparePatients, normalPatient } from '../../receiver/gate/patients.ts';
import { decodeText } from '../../shared/dicom/character-set.ts';
import {
  type Patient,
  readInstanceHeader,
  readInstanceHeaderFromFile,
} from '../../shared/dicom/instance-header.ts';
import { walkPart10 } from '../../shared/dicom/part10-walker.ts';
import { DiodeError } from '../../shared/errors.ts';
import { transferSyntaxes } from '../harness/dicom-writer.ts';
import {
  ctImage,
  delimitedSequence,
  type ElementToWrite,
  element,
  encodePart10,
  type Item,
} from '../harness/unchecked-writer.ts';

const syntax = fc.constantFrom(...Object.values(transferSyntaxes));
const runs = { numRuns: 400 };

const latin1 = (text: string) => Buffer.from(text, 'latin1');

/** Reads like a file, and counts. */
function reader(bytes: Uint8Array) {
  const counted = { bytes: 0 };
  const readAt = (offset: number, length: number) => {
    const part = bytes.subarray(offset, offset + length);
    counted.bytes += part.length;
    return part;
  };
  return { readAt, counted };
}

/** Sequences in sequences, some with lengths and some with delimiters, with plain values between them. */
const items: fc.Arbitrary<readonly Item[]> = fc.letrec<{ items: readonly Item[]; element: ElementToWrite }>(
  (tie) => ({
    items: fc.array(fc.array(tie('element'), { maxLength: 3 }), { maxLength: 3 }),
    element: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      fc
        .tuple(fc.constantFrom('LO', 'UL', 'OB', 'UT'), fc.uint8Array({ maxLength: 40 }))
        .map(([representation, value]) => element(0x0008_0100, representation, value)),
      tie('items').map((inner) => element(0x0008_0110, 'SQ', inner)),
      tie('items').map((inner) => delimitedSequence(0x0008_0120, inner)),
    ),
  }),
).items;

/** Elements, items and delimiters, and the depth, as they were written. */
function shape(
  inner: readonly Item[],
  delimited: boolean,
  explicitVr: boolean,
): { count: number; depth: number } {
  let count = 1 + (delimited ? 1 : 0);
  // Without a representation, an empty sequence with a length shows nothing of a sequence.
  let depth = explicitVr || delimited || inner.length > 0 ? 1 : 0;
  for (const item of inner) {
    count += 1 + (delimited ? 1 : 0);
    for (const one of item) {
      const isSequence = one.representation === 'SQ' && Array.isArray(one.value);
      const below = isSequence
        ? shape(one.value as readonly Item[], one.length !== undefined, explicitVr)
        : { count: 1, depth: 0 };
      count += below.count;
      depth = Math.max(depth, 1 + below.depth);
    }
  }
  return { count, depth };
}

/** A sound file, and what is done to it. */
const damaged = fc
  .tuple(
    syntax,
    items,
    fc.array(
      fc.record({
        at: fc.nat(),
        kind: fc.constantFrom('set', 'insert', 'delete', 'cut'),
        bytes: fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 8 }),
          fc.constantFrom(
            Uint8Array.of(0xff, 0xff, 0xff, 0xff),
            Uint8Array.of(0xfe, 0xff, 0x00, 0xe0),
            Uint8Array.of(0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0),
          ),
        ),
      }),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([chosen, inner, changes]) => {
    let bytes: Buffer = encodePart10({
      syntax: chosen,
      dataSet: ctImage({ more: [delimitedSequence(0x0009_1001, inner), element(0x0029_1001, 'SQ', inner)] }),
    });
    for (const { at, kind, bytes: change } of changes) {
      // The preamble does not matter to the reader, so damage begins behind it.
      const offset = 128 + (at % Math.max(1, bytes.length - 128));
      const before = bytes.subarray(0, offset);
      const behind = bytes.subarray(offset);
      if (kind === 'set') bytes = Buffer.concat([before, change, behind.subarray(change.length)]);
      if (kind === 'insert') bytes = Buffer.concat([before, change, behind]);
      if (kind === 'delete') bytes = Buffer.concat([before, behind.subarray(change.length)]);
      if (kind === 'cut') bytes = Buffer.from(before);
    }
    return bytes;
  });

const anyFile = fc.oneof(
  damaged,
  fc.uint8Array({ maxLength: 600 }),
  fc
    .uint8Array({ maxLength: 600 })
    .map((tail) => Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), tail])),
);

describe('whatever the bytes', () => {
  it('reading gives a value or an error of the project, from few reads', () => {
    fc.assert(
      fc.property(anyFile, (bytes) => {
        const { readAt, counted } = reader(bytes);
        readInstanceHeaderFromFile(readAt, bytes.length);
        expect(counted.bytes).toBeLessThanOrEqual(2 * bytes.length + 4096);
        counted.bytes = 0;
        const report = walkPart10(readAt, bytes.length);
        expect(counted.bytes).toBeLessThanOrEqual(3 * bytes.length + 4096);
        if (!(report instanceof DiodeError))
          expect(report.elements).toBeLessThanOrEqual(report.dataSetBytes / 8 + 1);
        expect(inspectInstance(readAt, bytes.length).verdict).toMatch(/^(?:pass|hold)$/);
      }),
      { numRuns: 3000 },
    );
  });

  it('a prefix gives what the file gives, or asks for more', () => {
    fc.assert(
      fc.property(anyFile, fc.nat(), (bytes, cut) => {
        const whole = readInstanceHeaderFromFile(reader(bytes).readAt, bytes.length);
        expect(readInstanceHeader(bytes, bytes.length)).toEqual(whole);
        const fromPrefix = readInstanceHeader(bytes.subarray(0, cut % (bytes.length + 1)), bytes.length);
        if (fromPrefix !== 'needs-more') expect(fromPrefix).toEqual(whole);
      }),
      runs,
    );
  });

  it('what the gate passes is what the intake took', () => {
    fc.assert(
      fc.property(anyFile, (bytes) => {
        const inspection = inspectInstance(reader(bytes).readAt, bytes.length);
        if (inspection.verdict === 'hold') return;
        expect(readInstanceHeaderFromFile(reader(bytes).readAt, bytes.length)).toEqual(inspection.header);
      }),
      runs,
    );
  });
});

describe('a sound file', () => {
  it('is walked as it was written, in every encoding', () => {
    fc.assert(
      fc.property(syntax, items, items, (chosen, first, second) => {
        const more = [element(0x0009_1001, 'SQ', first), delimitedSequence(0x0029_1001, second)];
        const bytes = encodePart10({ syntax: chosen, dataSet: ctImage({ more }) });
        const shapes = [
          shape(first, false, chosen.explicitVr),
          shape(second, true, chosen.explicitVr),
        ] as const;
        const report = walkPart10(reader(bytes).readAt, bytes.length);
        expect(report).toMatchObject({
          elements: 10 + shapes[0].count + shapes[1].count,
          depth: Math.max(shapes[0].depth, shapes[1].depth),
          trailingBytes: 0,
        });
      }),
      runs,
    );
  });

  it('is read as another parser reads it', () => {
    const parser: {
      parseDicom(
        bytes: Uint8Array,
        options: { untilTag: string },
      ): { string(tag: string): string | undefined };
    } = createRequire(import.meta.url)('dicom-parser');
    const undeflated = syntax.filter(({ deflated }) => !deflated);
    fc.assert(
      fc.property(undeflated, items, (chosen, inner) => {
        const more = [delimitedSequence(0x0009_1001, inner)];
        const bytes = encodePart10({ syntax: chosen, dataSet: ctImage({ more }) });
        const other = parser.parseDicom(bytes, { untilTag: 'x0020000e' });
        expect(readInstanceHeader(bytes, bytes.length)).toMatchObject({
          sopInstanceUid: other.string('x00080018'),
          studyUid: other.string('x0020000d'),
          seriesUid: other.string('x0020000e'),
          transferSyntaxUid: other.string('x00020010'),
          patient: { name: other.string('x00100010') },
        });
      }),
      runs,
    );
  });
});

describe('text', () => {
  const characterSets = fc.constantFrom(
    '',
    'ISO_IR 6',
    'ISO_IR 13',
    'ISO_IR 192',
    'GB18030',
    '\\ISO 2022 IR 87',
    'ISO 2022 IR 13\\ISO 2022 IR 159',
    '\\ISO 2022 IR 58',
    'nonsense',
  );
  const escapes = ['(B', '(J', ')I', '$B', '$(D', '$)A', '$)C', '-A', '-L', '?', ''].map((one) =>
    Buffer.from(`\x1b${one}`, 'latin1'),
  );
  const bytes = fc
    .array(fc.oneof(fc.uint8Array({ maxLength: 6 }), fc.constantFrom(...escapes)), { maxLength: 20 })
    .map((parts) => Buffer.concat(parts));

  it('of any bytes is decoded', () => {
    fc.assert(
      fc.property(bytes, characterSets, (value, characterSet) => {
        expect(decodeText(value, characterSet).text.length).toBeLessThanOrEqual(value.length * 2);
      }),
      { numRuns: 3000 },
    );
  });

  it('of ASCII is itself in every set', () => {
    const ascii = fc.string({
      unit: fc.integer({ min: 0x20, max: 0x7d }).map((one) => String.fromCharCode(one)),
    });
    // JIS X 0201 has a yen sign for the backslash; its readers keep the backslash.
    fc.assert(
      fc.property(ascii, characterSets, (text, characterSet) => {
        expect(decodeText(Buffer.from(text), characterSet)).toEqual({ text, isExact: true });
      }),
      runs,
    );
  });
});

describe('patients', () => {
  it('whose names are not text in their set are the same only byte by byte', () => {
    const name = fc.array(
      fc.oneof(
        fc.constantFrom(
          ...['DOE^', '\x1b$(D', '\x1b$B', '\x1b(B', '\x1b?', '\xff', '\x80', '=', '!'].map(latin1),
        ),
        fc.uint8Array({ minLength: 1, maxLength: 3 }),
      ),
      { minLength: 1, maxLength: 4 },
    );
    const set = fc.constantFrom('', 'ISO_IR 192', '\\ISO 2022 IR 87\\ISO 2022 IR 159', 'GB18030', 'nonsense');
    const nameOf = (bytes: Uint8Array, characterSet: string): Patient => {
      const more = [element(0x0008_0005, 'CS', characterSet), element(0x0010_0010, 'PN', bytes)];
      const header = readInstanceHeader(encodePart10({ dataSet: ctImage({ more }) }), 1e6);
      if (header instanceof DiodeError || header === 'needs-more') throw new Error('the header is sound');
      const { patient } = header;
      const undecoded = patient.undecoded?.name;
      return {
        ...(patient.name !== undefined && { name: patient.name }),
        ...(undecoded !== undefined && { undecoded: { name: undecoded } }),
      };
    };
    fc.assert(
      fc.property(name, name, set, (first, second, characterSet) => {
        const bytes = [Buffer.concat(first), Buffer.concat(second)] as const;
        const names = [nameOf(bytes[0], characterSet), nameOf(bytes[1], characterSet)] as const;
        expect(comparePatients(names[0], names[0])).toEqual([]);
        if (names.every(({ undecoded }) => undecoded === undefined)) return;
        // One of separators alone names nobody.
        if (names.some((one) => Object.keys(normalPatient(one)).length === 0)) return;
        const unpadded = bytes.map((one) => one.toString('latin1').replace(/[ \0]+$/, ''));
        expect(comparePatients(...names)).toEqual(unpadded[0] === unpadded[1] ? [] : ['name']);
      }),
      { numRuns: 2000 },
    );
  });

  const value = fc.option(
    fc.constantFrom('', ' ', 'A', 'B', 'A^', 'a ^B', 'A^B=C', '=C', '19700101', '1970.01.01'),
    {
      nil: undefined,
    },
  );
  const patient: fc.Arbitrary<Patient> = fc.tuple(value, value, value).map(([id, name, birthDate]) => ({
    ...(id !== undefined && { id }),
    ...(name !== undefined && { name }),
    ...(birthDate !== undefined && { birthDate }),
  }));

  it('are the same as themselves, whatever the padding, and differ both ways or not at all', () => {
    fc.assert(
      fc.property(patient, patient, (first, second) => {
        const padded = Object.fromEntries(Object.entries(first).map(([key, text]) => [key, `${text} \0`]));
        expect(comparePatients(first, padded)).toEqual([]);
        expect(new Set(comparePatients(first, second))).toEqual(new Set(comparePatients(second, first)));
        expect(comparePatients(first, {})).toEqual([]);
      }),
      runs,
    );
  });
});
