/** The receiver's configuration: every key, its bounds, its default, and what it is for. */
import { codeSettings, linkSettings } from '../shared/config/link-settings.ts';
import {
  awayFromLink,
  below,
  choice,
  oneAddress,
  optionalAddress,
  optionalNumber,
  optionalPath,
  optionalText,
  outside,
  realNumber,
  requiredAddress,
  requiredPath,
  requiredWhere,
  uidPatterns,
  type ValuesOf,
  wholeNumber,
  yesOrNo,
} from '../shared/config/settings.ts';
import { engineNames } from '../shared/fec/engine.ts';

import { destinationSettings } from './destination-settings.ts';

export const receiverSettings = {
  keyFile: outside(['inbox.folder'], requiredPath('the key file of the sender')),
  ...linkSettings,
  'link.address': oneAddress(requiredAddress('the own address on the interface that faces the link')),
  'link.interface': optionalText(
    'the network interface of the link: its socket takes nothing from others; default: the one that has the address',
  ),
  'link.receiveBufferBytes': wholeNumber(
    { min: 65_536, max: 2 ** 30, fallback: 32 * 2 ** 20 },
    'the socket buffer asked for',
  ),
  'link.ringMegabytes': wholeNumber(
    { min: 1, max: 1024, fallback: 48 },
    'memory between the receiving thread and the disk',
  ),
  ...codeSettings,
  'code.engine': choice(engineNames, 'auto', 'the erasure-code engine; all give the same bytes'),
  'assemble.memoryMegabytes': wholeNumber(
    { min: 8, max: 65_536, fallback: 80 },
    'memory for blocks that are being collected; at least what the sender has open (D blocks), better four times that',
  ),
  'assemble.spillMegabytes': optionalNumber(
    { min: 0, max: 1_048_576 },
    'disk area for blocks that leave memory before they can be decoded; default: a twentieth of the disk, 1024 to 16384',
  ),
  'assemble.openObjects': wholeNumber(
    { min: 16, max: 65_536, fallback: 16_384 },
    'objects that are collected at the same time; better more than a pass leaves incomplete of the largest study',
  ),
  'assemble.partialHours': realNumber(
    { min: 0.01, max: 8760, fallback: 24 },
    'an instance of which no block was completed for so long is given up; it is collected anew when it comes again',
  ),
  'vault.folder': outside(['inbox.folder'], requiredPath('where every instance is kept')),
  'vault.highWaterPercent': wholeNumber(
    { min: 10, max: 98, fallback: 90 },
    'above this no new study is begun; those that are here in part are finished',
  ),
  'vault.lowWaterPercent': below(
    'vault.highWaterPercent',
    wholeNumber({ min: 5, max: 97, fallback: 85 }, 'below this new studies are begun again'),
  ),
  'vault.fullPercent': wholeNumber(
    { min: 20, max: 100, fallback: 98 },
    'above this nothing is collected at all; the rest is for the ledger',
  ),
  'vault.keepForDays': realNumber(
    { min: 0, max: 3650, fallback: 7 },
    'so long an instance stays in the vault after all its destinations have it',
  ),
  'inbox.enabled': yesOrNo(true, 'whether whole studies appear in a folder'),
  'inbox.folder': requiredWhere(
    'inbox.enabled',
    true,
    requiredPath('that folder, on one file system with the vault'),
  ),
  'inbox.files': choice(
    ['auto', 'link', 'copy'],
    'auto',
    'what the inbox gets: files of their own where the file system shares blocks, else links; links; or copies',
  ),
  destinations: destinationSettings,
  'inbox.partialFolder': outside(
    ['inbox.folder'],
    optionalPath('where a person releases incomplete studies to; default: partial/ beside the inbox'),
  ),
  'gate.preamble': choice(
    ['zero', 'keep-tiff', 'reject-executable'],
    'zero',
    'what becomes of the 128 bytes before a file: all zeroed; TIFF headers kept; executables held, others kept',
  ),
  'gate.encapsulatedDocuments': choice(
    ['hold', 'pass'],
    'hold',
    'instances that carry a PDF, a CDA document or a 3D model',
  ),
  'gate.allowSopClasses': uidPatterns('SOP classes that may pass; all when empty'),
  'gate.denySopClasses': uidPatterns('SOP classes that are held; goes before what is allowed'),
  'scan.socket': optionalPath(
    'socket of clamd, which then looks at every instance; default: no malware scan',
  ),
  'scan.host': awayFromLink(optionalAddress('address of clamd, where it has no socket on this host')),
  'scan.port': wholeNumber({ min: 1, max: 65_535, fallback: 3310 }, 'port of clamd at scan.host'),
  'scan.timeoutSeconds': realNumber(
    { min: 1, max: 3600, fallback: 120 },
    'clamd has to answer for one instance within so long',
  ),
  'studies.deadlineMinutes': realNumber(
    { min: 0.01, max: 10_080, fallback: 10 },
    'without progress for so long a study is incomplete',
  ),
  'studies.unclaimedMinutes': realNumber(
    { min: 0.01, max: 10_080, fallback: 15 },
    'without a manifest for so long instances are unclaimed',
  ),
  'beacon.silenceSeconds': realNumber(
    { min: 0.2, max: 3600, fallback: 10 },
    'without a beacon for so long the sender is silent',
  ),
  'lowSide.queueMinutes': realNumber(
    { min: 0.1, max: 100_000, fallback: 30 },
    'alarm when something waits so long in the queue of a sender',
  ),
  'lowSide.spoolPercent': wholeNumber(
    { min: 1, max: 100, fallback: 85 },
    'alarm when the spool of a sender is so full',
  ),
  'lowSide.rejectedHours': realNumber(
    { min: 0.01, max: 10_000, fallback: 24 },
    'how long an alarm stands about what a sender rejected',
  ),
  'log.level': choice(['error', 'warn', 'info', 'debug'], 'info', 'what is logged'),
  'log.pseudonyms': yesOrNo(false, 'log a keyed pseudonym in the place of each UID'),
} as const;

export type ReceiverConfiguration = ValuesOf<typeof receiverSettings>;
