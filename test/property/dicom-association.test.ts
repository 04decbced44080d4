import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type Command, readCommand, writeCommand } from '../../shared/dicom/dimse/command.ts';
import { commandPdus, DataSetFraming } from '../../shared/dicom/dimse/message-writer.ts';
import {
  readAssociateAccept,
  readAssociateRequest,
  writeAssociateRequest,
} from '../../shared/dicom/upper-layer/associate-pdu.ts';
import { PduReader } from '../../shared/dicom/upper-layer/pdu-reader.ts';
import { ProtocolViolation } from '../../shared/dicom/upper-layer/protocol-violation.ts';
import { associateRequest, dataPdu, releaseRequest, storeRequest } from '../harness/association-bytes.ts';
import { malformedStream, playStream } from '../harness/malformed-streams.ts';
import { Random } from '../harness/random.ts';

const runs = { numRuns: 500 };
const uid = fc.stringMatching(/^[0-9][0-9.]{0,63}$/);
const uint16 = fc.integer({ min: 0, max: 0xffff });
const bytes = fc.uint8Array({ maxLength: 2000 });

/** What a reader makes of a stream in these pieces: PDUs as they are, data values put together again. */
function summary(pieces: readonly Uint8Array[]): string[] {
  const reader = new PduReader();
  const found: string[] = [];
  let value = '';
  try {
    for (const piece of pieces) {
      reader.feed(piece);
      for (let read = reader.next(); read !== undefined; read = reader.next()) {
        if (read.type !== 0x04) found.push(`${read.type} ${Buffer.from(read.body).toString('hex')}`);
        else {
          value += Buffer.from(read.bytes).toString('hex');
          if (read.isLast) {
            found.push(`data ${read.contextId} ${read.isCommand} ${value}`);
            value = '';
          }
        }
      }
    }
  } catch (error) {
    if (!(error instanceof ProtocolViolation)) throw error;
    found.push(`violation ${error.reason}`);
  }
  return found;
}

function split(stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].sort((a, b) => a - b);
  return [...places, stream.length].map((end, index) => stream.subarray(places[index - 1] ?? 0, end));
}

const stream = fc
  .array(
    fc.oneof(
      fc.constant(associateRequest()),
      fc.constant(releaseRequest),
      fc.constant(dataPdu(1, 3, storeRequest())),
      bytes.map((each) => dataPdu(5, 2, each)),
      bytes,
    ),
    { maxLength: 6 },
  )
  .map((parts) => new Uint8Array(Buffer.concat(parts)));

it('a stream means the same however it is split', () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 20 }), (whole, cuts) => {
      expect(summary(split(whole, cuts))).toEqual(summary([whole]));
    }),
    runs,
  );
});

it('a byte at a time as well', () => {
  fc.assert(
    fc.property(stream, (whole) => {
      expect(summary(Array.from(whole, (byte) => Uint8Array.of(byte)))).toEqual(summary([whole]));
    }),
    { numRuns: 50 },
  );
});

it.each([
  ['command', readCommand],
  ['A-ASSOCIATE-RQ', readAssociateRequest],
  ['A-ASSOCIATE-AC', readAssociateAccept],
] as const)('any bytes as a %s are read or refused', (_, read) => {
  const mutated = fc
    .tuple(
      fc.constantFrom<Uint8Array>(associateRequest().subarray(6), storeRequest()),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
    )
    .map(([original, changes]) => {
      const changed = new Uint8Array(original);
      for (const [at, byte] of changes) changed[at % changed.length] = byte;
      return changed;
    });
  fc.assert(
    fc.property(fc.oneof(bytes, mutated), (input) => {
      try {
        read(input);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolViolation);
      }
    }),
    { numRuns: 2000 },
  );
});

it('a command is read as it was written', () => {
  const command: fc.Arbitrary<Command> = fc.record(
    {
      field: uint16,
      hasDataSet: fc.boolean(),
      messageId: uint16,
      respondedTo: uint16,
      status: uint16,
      affectedSopClassUid: uid,
      affectedSopInstanceUid: uid,
      requestedSopInstanceUid: uid,
      errorComment: fc.stringMatching(/^[!-~]([ -~]{0,62}[!-~])?$/),
    },
    { requiredKeys: ['field', 'hasDataSet'] },
  );
  fc.assert(
    fc.property(command, (each) => {
      expect(readCommand(writeCommand(each))).toEqual(each);
    }),
    runs,
  );
});

it('a request is read as it was written', () => {
  const contexts = fc
    .uniqueArray(fc.integer({ min: 0, max: 127 }), { minLength: 1, maxLength: 20 })
    .chain((ids) =>
      fc.tuple(
        ...ids.map((id) =>
          fc.record({
            id: fc.constant(2 * id + 1),
            abstractSyntax: uid,
            transferSyntaxes: fc.array(uid, { maxLength: 5 }),
          }),
        ),
      ),
    );
  fc.assert(
    fc.property(contexts, (each) => {
      const written = writeAssociateRequest({
        calledAe: 'A',
        callingAe: 'B',
        contexts: each,
        dataPduBytesMax: 128,
      });
      expect(readAssociateRequest(written.subarray(6)).contexts).toEqual(each);
    }),
    runs,
  );
});

it('a message fits the PDUs of its peer and is whole behind them', () => {
  fc.assert(
    fc.property(
      bytes,
      fc.integer({ min: 128, max: 5000 }),
      fc.integer({ min: 0, max: 200 }),
      (dataSet, pduBytesMax, offset) => {
        const framing = new DataSetFraming(1, dataSet.length, pduBytesMax);
        const sent: Uint8Array[] = [
          commandPdus(1, { field: 1, hasDataSet: true, messageId: 1 }, pduBytesMax),
        ];
        let position = 0;
        for (let round = 0; !framing.ended; round += 1) {
          const buffer = new Uint8Array(6000);
          const start = round === 0 ? offset : 0;
          const { places, end } = framing.next(buffer, start);
          for (const place of places) {
            place.set(dataSet.subarray(position, position + place.length));
            position += place.length;
          }
          sent.push(buffer.subarray(start, end));
        }
        const reader = new PduReader({ dataPduBytesMax: pduBytesMax });
        reader.feed(Buffer.concat(sent));
        const received: Uint8Array[] = [];
        for (let read = reader.next(); read !== undefined; read = reader.next()) {
          if (read.type === 0x04 && !read.isCommand) received.push(read.bytes);
        }
        expect(Buffer.concat(received)).toEqual(Buffer.concat([dataSet, Buffer.alloc(dataSet.length % 2)]));
      },
    ),
    runs,
  );
});

it('broken conversations end, and are refused where they break the protocol', async () => {
  const random = new Random(20_260_101);
  const endings = { aborted: 0, rejected: 0, released: 0, left: 0 };
  for (let run = 0; run < 3000; run += 1)
    endings[await playStream(malformedStream(random.fork(String(run))))] += 1;
  // Were nearly all of one kind, the generator would show little.
  expect(Math.min(endings.aborted, endings.released, endings.left)).toBeGreaterThan(100);
});
