/** All files of vectors, with what makes each. */
import { calibrationAbout, calibrationVectors } from './cases/calibration.ts';
import {
  erasureCodeAbout,
  erasureCodeVectors,
  layoutAbout,
  layoutVectors,
  repairCountAbout,
  repairCountVectors,
  repairEsisAbout,
  repairEsisVectors,
} from './cases/code.ts';
import { datagramAbout, datagramVectors } from './cases/datagram.ts';
import { keysAbout, keyVectors, objectIdsAbout, objectIdVectors } from './cases/derivation.ts';
import {
  beaconAbout,
  beaconVectors,
  manifestAbout,
  manifestVectors,
  rollAbout,
  rollVectors,
} from './cases/documents.ts';
import { exampleAbout, exampleVector } from './cases/example.ts';
import { keyFileAbout, keyFileVectors } from './cases/key-file.ts';
import { objectAbout, objectVectors } from './cases/object.ts';
import { sealAbout, sealVectors } from './cases/seal.ts';
import { ticketAbout, ticketVectors } from './cases/ticket.ts';
import type { Named } from './vector-file.ts';

interface Made {
  readonly name: string;
  readonly about: string;
  readonly make: () => readonly Named[];
}

export const vectorFiles: readonly Made[] = [
  { name: 'beacon', about: beaconAbout, make: beaconVectors },
  { name: 'calibration', about: calibrationAbout, make: calibrationVectors },
  { name: 'datagram', about: datagramAbout, make: datagramVectors },
  { name: 'erasure-code', about: erasureCodeAbout, make: erasureCodeVectors },
  { name: 'example', about: exampleAbout, make: () => [exampleVector()] },
  { name: 'key-derivation', about: keysAbout, make: keyVectors },
  { name: 'key-file', about: keyFileAbout, make: keyFileVectors },
  { name: 'layout', about: layoutAbout, make: layoutVectors },
  { name: 'manifest', about: manifestAbout, make: manifestVectors },
  { name: 'object', about: objectAbout, make: objectVectors },
  { name: 'object-id', about: objectIdsAbout, make: objectIdVectors },
  { name: 'repair-count', about: repairCountAbout, make: repairCountVectors },
  { name: 'repair-esis', about: repairEsisAbout, make: repairEsisVectors },
  { name: 'roll', about: rollAbout, make: rollVectors },
  { name: 'seal', about: sealAbout, make: sealVectors },
  { name: 'ticket', about: ticketAbout, make: ticketVectors },
];
