/** Every part that faces somebody who may mean harm. */
import type { FuzzTarget } from './fuzz-target.ts';
import { calibrationTarget } from './targets/calibration.ts';
import { configurationTarget } from './targets/configuration.ts';
import { datagramTarget } from './targets/datagram.ts';
import { beaconTarget, manifestTarget, rollTarget } from './targets/documents.ts';
import { part10Target, patientTarget } from './targets/part10.ts';
import { associationTarget, pduTarget } from './targets/pdu.ts';
import { ticketTarget } from './targets/ticket.ts';

export const fuzzTargets: readonly FuzzTarget[] = [
  datagramTarget,
  calibrationTarget,
  manifestTarget,
  beaconTarget,
  rollTarget,
  ticketTarget,
  pduTarget,
  associationTarget,
  part10Target,
  patientTarget,
  configurationTarget,
];
