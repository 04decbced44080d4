/** Part 10 files: what the intake reads of them, the gate, and the comparison of patients. */
import { deflateRawSync } from 'node:zlib';
import { inspectInstance } from '../../../receiver/gate/inspect.ts';
import { comparePatients, hashPatient } from '../../../receiver/gate/patients.ts';
import { assert } from '../../../shared/assert.ts';
import { readInstanceHeader, readInstanceHeaderFromFile } from '../../../shared/dicom/instance-header.ts';
import { DiodeError } from '../../../shared/errors.ts';
import { isUid } from '../../../shared/wire/limits.ts';
import { transferSyntaxes } from '../../harness/dicom-writer.ts';
import { hostileFiles } from '../../harness/hostile-files.ts';
import { Random } from '../../harness/random.ts';
import {
  ctImage,
  type ElementToWrite,
  element,
  encodeElements,
  encodePart10,
  undefinedLength,
} from '../../harness/unchecked-writer.ts';
import type { FuzzTarget } from '../fuzz-target.ts';
import { mutate } from '../mutate.ts';

const syntaxes = Object.values(transferSyntaxes);
const representations =
  'AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV ZZ'.split(
    ' ',
  );
const values = ['', 'x', '2.25.7', '19700101', 'DOE^JOHN', '\\', '\x1b$B\x1b(B', '=^=^', '../../x'];
const key = new Uint8Array(32).fill(1);
/** Small enough to be tried a thousand times a second. */
const seedBytesMax = 32 * 1024;
const largeBytes = 60_000;
/** As for real files, but small: a few hundred bytes then reach each bound. */
const limits = {
  elementsMax: 5000,
  elementsFree: 100,
  elementsPerByteMax: 0.5,
  depthMax: 16,
  inflatedBytesMax: 2 ** 20,
  inflatedBytesFree: 2 ** 18,
  deflateRatioMax: 50,
};
let hostile: readonly Uint8Array[] | undefined;

function seeds(): readonly Uint8Array[] {
  hostile ??= hostileFiles
    .filter(({ name }) => !/million|bomb/.test(name))
    .map(({ make }) => make())
    .filter(({ length }) => length > 0 && length <= seedBytesMax);
  return hostile;
}

function anyElement(random: Random, depth: number): ElementToWrite {
  const tag = random.chance(0.7)
    ? random.pick([0x0008, 0x0010, 0x0020, 0x0028, 0x0029, 0x7fe0, 0xfffe]) * 65_536 + random.integer(0x40)
    : random.word();
  if (depth < 20 && random.chance(0.3)) {
    const items = Array.from({ length: random.integer(3) }, () =>
      Array.from({ length: random.integer(4) }, () => anyElement(random, depth + 1)),
    );
    return element(
      tag,
      random.chance(0.9) ? 'SQ' : 'UN',
      items,
      random.chance(0.5) ? undefinedLength : undefined,
    );
  }
  if (random.chance(0.1))
    return element(tag, 'OB', { fragments: [random.bytes(random.integer(20))] }, undefinedLength);
  const value = random.chance(0.5) ? random.pick(values) : random.bytes(random.integer(30));
  const lies = random.chance(0.15) ? random.pick([0, 1, 3, 0xffff, 0xffff_fffe, undefinedLength]) : undefined;
  return element(tag, random.pick(representations), value, lies);
}

/** A CT image with whatever else in it, in order or not, in any transfer syntax. */
function structured(random: Random): Uint8Array {
  const syntax = random.pick(syntaxes);
  const more = Array.from({ length: random.integer(6) }, () => anyElement(random, 0));
  const dataSet = random.chance(0.8) ? ctImage({ more }) : [...ctImage(), ...more];
  if (!syntax.deflated || random.chance(0.3)) return encodePart10({ syntax, dataSet });
  // Changed before it is deflated, so that the change is met behind the inflating.
  const inner = mutate(encodeElements(dataSet, syntax), random);
  return encodePart10({
    syntax,
    dataSet: deflateRawSync(inner),
    metaSopClassUid: '1.2.840.10008.5.1.4.1.1.2',
    metaSopInstanceUid: '2.25.11',
  });
}

function inspect(input: Uint8Array, random: Random): string {
  const readAt = (offset: number, length: number) => {
    assert(offset >= 0 && length >= 0 && length <= 2 ** 20, 'a read is small');
    return input.subarray(offset, offset + length);
  };
  const header = readInstanceHeaderFromFile(readAt, input.length);
  readInstanceHeader(input.subarray(0, random.integer(input.length + 1)), input.length);
  const inspection = inspectInstance(readAt, input.length, {
    preamble: random.pick(['zero', 'keep-tiff', 'reject-executable']),
    allowSopClasses: [],
    denySopClasses: [],
    encapsulatedDocuments: 'hold',
    ...(input.length < largeBytes && random.chance(0.5) && { limits }),
  });
  assert((inspection.verdict === 'hold') === inspection.reasons.length > 0, 'a hold has its reason');
  for (const reason of inspection.reasons)
    assert(/^[\x20-\x7e]*$/.test(reason.message) && reason.message.length < 300, 'a reason is plain text');
  const known = inspection.header ?? (header instanceof DiodeError ? undefined : header);
  if (known !== undefined) {
    const { studyUid, seriesUid, sopInstanceUid, sopClassUid, patient } = known;
    assert([studyUid, seriesUid, sopInstanceUid, sopClassUid].every(isUid), 'UIDs are checked');
    assert(comparePatients(patient, patient).length === 0, 'a patient is itself');
    hashPatient(patient, key);
  }
  if (inspection.verdict === 'pass') assert(!(header instanceof DiodeError), 'what passes can be taken in');
  return inspection.code ?? 'pass';
}

export const part10Target: FuzzTarget = {
  name: 'part10',
  input: (random) => {
    if (random.chance(0.4)) {
      const made = structured(random);
      return random.chance(0.5) ? made : mutate(made, random);
    }
    return mutate(random.pick(seeds()), random, random.pick(seeds()));
  },
  run: inspect,
  // Small elements only: nothing that could be jumped over.
  sized: (bytes) => {
    const items = Array.from({ length: Math.ceil(bytes / 18) }, () => [element(0x0008_0100, 'SH', 'ab')]);
    return encodePart10({ dataSet: ctImage({ more: [element(0x0029_1010, 'SQ', items)] }) });
  },
};

/** Names of patients in every character set, escapes and all: they are decoded and compared. */
export const patientTarget: FuzzTarget = {
  name: 'patient',
  input: (random) => {
    const names = [
      element(
        0x0008_0005,
        'CS',
        random.pick(['', 'ISO_IR 100', 'ISO_IR 192', '\\ISO 2022 IR 87', 'GB18030']),
      ),
    ];
    const name = mutate(Buffer.from('Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=', 'latin1'), random);
    const file = encodePart10({ dataSet: ctImage({ more: [...names, element(0x0010_0010, 'PN', name)] }) });
    return random.chance(0.2) ? mutate(file, random) : file;
  },
  run: inspect,
  sized: (bytes) => {
    const name = new Random(1).bytes(Math.min(60_000, bytes)).map((byte) => (byte % 8 === 0 ? 0x1b : byte));
    return encodePart10({ dataSet: ctImage({ more: [element(0x0010_0010, 'PN', name)] }) });
  },
};
