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
  keyFile: outside(['inbox.folder'], requiredPath("the key file, a copy of the sender's")),
  ...linkSettings,
  'link.address': oneAddress(requiredAddress("this host's address on the interface that faces the link")),
  'link.interface': optionalText(
    'the network interface of the link; its socket takes nothing from others; default: the one that has link.address',
  ),
  'link.receiveBufferBytes': wholeNumber(
    { min: 65_536, max: 2 ** 30, fallback: 32 * 2 ** 20 },
    'the socket buffer to request',
  ),
  'link.ringMegabytes': wholeNumber(
    { min: 1, max: 1024, fallback: 48 },
    'memory that buffers datagrams between the receiving thread and the disk',
  ),
  ...codeSettings,
  'code.engine': choice(engineNames, 'auto', 'the erasure-code engine; all produce the same bytes'),
  'assemble.memoryMegabytes': wholeNumber(
    { min: 8, max: 65_536, fallback: 80 },
    'memory for blocks that are being collected: at least what the sender has open (D blocks), preferably four times that',
  ),
  'assemble.spillMegabytes': optionalNumber(
    { min: 0, max: 1_048_576 },
    'disk space for blocks that leave memory before they can be decoded; default: a twentieth of the disk, from 1024 to 16384',
  ),
  'assemble.openObjects': wholeNumber(
    { min: 16, max: 65_536, fallback: 16_384 },
    'how many objects are collected at a time; preferably more than a pass of the largest study leaves incomplete',
  ),
  'assemble.partialHours': realNumber(
    { min: 0.01, max: 8760, fallback: 24 },
    'an instance is given up when none of its blocks has been completed for this long; it is collected afresh when it comes again',
  ),
  'vault.folder': outside(['inbox.folder'], requiredPath('where every instance is kept')),
  'vault.highWaterPercent': wholeNumber(
    { min: 10, max: 98, fallback: 90 },
    'above this no new study is begun; studies that are partly here are finished',
  ),
  'vault.lowWaterPercent': below(
    'vault.highWaterPercent',
    wholeNumber({ min: 5, max: 97, fallback: 85 }, 'below this new studies are begun again'),
  ),
  'vault.fullPercent': wholeNumber(
    { min: 20, max: 100, fallback: 98 },
    'above this nothing is collected at all; the rest is reserved for the ledger',
  ),
  'vault.keepForDays': realNumber(
    { min: 0, max: 3650, fallback: 7 },
    'how long an instance stays in the vault after all its destinations have it',
  ),
  'inbox.enabled': yesOrNo(true, 'whether complete studies appear in a folder'),
  'inbox.folder': requiredWhere(
    'inbox.enabled',
    true,
    requiredPath('that folder, on the same file system as the vault'),
  ),
  'inbox.files': choice(
    ['auto', 'link', 'copy'],
    'auto',
    'auto: files that share their blocks with the vault where the file system can, otherwise hard links; link: hard links; copy: copies',
  ),
  destinations: destinationSettings,
  'inbox.partialFolder': outside(
    ['inbox.folder'],
    optionalPath('where incomplete studies go that a person releases; default: partial/ beside the inbox'),
  ),
  'gate.preamble': choice(
    ['zero', 'keep-tiff', 'reject-executable'],
    'zero',
    'the 128 bytes before the DICM prefix: zero them all; keep TIFF headers; or hold executables and keep others',
  ),
  'gate.encapsulatedDocuments': choice(
    ['hold', 'pass'],
    'hold',
    'what to do with instances that contain a PDF, a CDA document or a 3D model',
  ),
  'gate.allowSopClasses': uidPatterns('the SOP classes that may pass; all of them if empty'),
  'gate.denySopClasses': uidPatterns('the SOP classes that are held, even if they are allowed above'),
  'scan.socket': optionalPath(
    'the socket of clamd, which then scans every instance; default: no malware scan',
  ),
  'scan.host': awayFromLink(optionalAddress('the address of clamd, if it has no socket on this host')),
  'scan.port': wholeNumber({ min: 1, max: 65_535, fallback: 3310 }, 'the port of clamd at scan.host'),
  'scan.timeoutSeconds': realNumber(
    { min: 1, max: 3600, fallback: 120 },
    'how long clamd may take to answer for one instance',
  ),
  'studies.deadlineMinutes': realNumber(
    { min: 0.01, max: 10_080, fallback: 10 },
    'after this long without progress a study counts as incomplete',
  ),
  'studies.unclaimedMinutes': realNumber(
    { min: 0.01, max: 10_080, fallback: 15 },
    'after this long without a manifest instances count as unclaimed',
  ),
  'beacon.silenceSeconds': realNumber(
    { min: 0.2, max: 3600, fallback: 10 },
    'after this long without a beacon a sender counts as silent',
  ),
  'lowSide.queueMinutes': realNumber(
    { min: 0.1, max: 100_000, fallback: 30 },
    "raise an alarm when something has waited this long in a sender's queue",
  ),
  'lowSide.spoolPercent': wholeNumber(
    { min: 1, max: 100, fallback: 85 },
    "raise an alarm when a sender's spool is this full",
  ),
  'lowSide.rejectedHours': realNumber(
    { min: 0.01, max: 10_000, fallback: 24 },
    'how long an alarm about files that a sender rejected stays up',
  ),
  'events.keepForDays': realNumber(
    { min: 0.0001, max: 3650, fallback: 30 },
    'how long the events that diode-receiver events shows are kept, counted while the receiver runs; at most a million of them',
  ),
  'log.level': choice(['error', 'warn', 'info', 'debug'], 'info', 'what is logged'),
  'log.pseudonyms': yesOrNo(false, 'log a keyed pseudonym in place of each UID'),
} as const;

export type ReceiverConfiguration = ValuesOf<typeof receiverSettings>;
