/** The sender's configuration: every key, its bounds, its default, and what it is for. */

import { codeSettings, linkSettings, openBlocksBounds } from '../shared/config/link-settings.ts';
import type { ValuesOf } from '../shared/config/settings.ts';
import {
  awayFromLink,
  below,
  choice,
  listOfTables,
  optionalAddress,
  optionalNumber,
  optionalPath,
  optionalText,
  outside,
  realNumber,
  requiredAddress,
  requiredPath,
  requiredText,
  texts,
  wholeNumber,
  yesOrNo,
} from '../shared/config/settings.ts';
import { textForms } from '../shared/config/text-forms.ts';
import { associationLimits } from '../shared/dicom/upper-layer/limits.ts';
import { engineNames } from '../shared/fec/engine.ts';

/** One of `[[dicom.titles]]`. */
const titleSettings = {
  title: requiredText('the AE title that scanners call', textForms.aeTitle),
  priority: choice(
    ['routine', 'stat'],
    'routine',
    'stat sends what arrives under it ahead of everything else',
  ),
  quietSeconds: optionalNumber(
    { min: 0, max: 86_400 },
    'a study is closed when nothing has come for this long; default: 60, or 10 for stat',
  ),
  callingTitles: texts(
    { textsMax: 64, form: textForms.aeTitle },
    'the AE titles that may call it; default: any',
  ),
  callingAddresses: texts(
    { textsMax: 64, form: textForms.network },
    'the addresses and networks that may call it; default: any',
  ),
} as const;

export const senderSettings = {
  keyFile: outside(
    ['watch.folder'],
    requiredPath('the key file, written by keygen and carried to the receiver'),
  ),
  'watch.folder': optionalPath(
    'where the scanner or an export puts its files; its subfolder stat/ is for urgent ones',
  ),
  'watch.scanIntervalMs': wholeNumber(
    { min: 50, max: 600_000, fallback: 1000 },
    'how often the folder is scanned',
  ),
  'watch.settleScans': wholeNumber(
    { min: 1, max: 100, fallback: 2 },
    'a file is taken in when it has not changed for this many scans',
  ),
  'watch.quietSeconds': realNumber(
    { min: 0, max: 86_400, fallback: 60 },
    'a study is closed when nothing has come for this long',
  ),
  'watch.statQuietSeconds': realNumber({ min: 0, max: 86_400, fallback: 10 }, 'the same for urgent studies'),
  'watch.rejectedFolder': outside(
    ['watch.folder'],
    optionalPath('where files go that cannot be taken in; default: rejected/ in the spool'),
  ),
  'dicom.address': awayFromLink(
    optionalAddress("this host's address that scanners send to; without it no port is opened"),
  ),
  'dicom.port': wholeNumber({ min: 1, max: 65_535, fallback: 11_112 }, 'the port they send to'),
  'dicom.titles': listOfTables(
    { fields: titleSettings, tablesMax: 32, uniqueField: 'title' },
    'the AE titles of this sender; default: DIODE, and DIODE_STAT for urgent studies, both for any caller',
  ),
  'dicom.associationsMax': wholeNumber(
    { min: 1, max: 256, fallback: 32 },
    'how many associations may be open at a time',
  ),
  'dicom.pduBytesMax': wholeNumber(
    { min: 4096, max: associationLimits.dataPduBytesMax, fallback: associationLimits.dataPduBytesMax },
    'the longest P-DATA-TF accepted',
  ),
  'dicom.associationSeconds': wholeNumber(
    { min: 1, max: 3600, fallback: 30 },
    'how soon a connection has to request its association',
  ),
  'dicom.idleSeconds': wholeNumber(
    { min: 1, max: 86_400, fallback: 300 },
    'an association is aborted after this long without a byte; consoles pause while they reconstruct',
  ),
  'dicom.pduSeconds': wholeNumber(
    { min: 1, max: 3600, fallback: 60 },
    'how long one PDU may take to arrive in full',
  ),
  'dicom.procedureSteps': yesOrNo(
    false,
    'accept performed procedure steps (MPPS): a completed one closes its study at once',
  ),
  'dicom.storageCommitment': choice(
    ['refused', 'own-spool'],
    'refused',
    'own-spool commits only to what this spool keeps, until it expires, and says nothing of the PACS',
  ),
  'dicom.tlsKeyFile': optionalPath('the private key as PEM, mode 0600; with it the port accepts TLS only'),
  'dicom.tlsCertificateFile': optionalPath('the certificate for that key, followed by its chain'),
  'dicom.tlsClientAuthoritiesFile': optionalPath(
    "the authorities that sign scanners' certificates; with it every scanner must present one",
  ),
  'spool.folder': outside(['watch.folder'], requiredPath('where files are kept until they expire')),
  'spool.highWaterPercent': wholeNumber(
    { min: 10, max: 99, fallback: 90 },
    'above this the oldest studies expire early, and nothing new is taken in',
  ),
  'spool.lowWaterPercent': below(
    'spool.highWaterPercent',
    wholeNumber({ min: 5, max: 98, fallback: 80 }, 'below this new files are taken in again'),
  ),
  'spool.retainForDays': realNumber(
    { min: 0.0001, max: 3650, fallback: 14 },
    'how long a study is kept to be sent again, counted while the sender runs',
  ),
  'spool.tombstoneDays': realNumber(
    { min: 0.0001, max: 3650, fallback: 90 },
    'how long the receiver is still told about a study that has expired',
  ),
  ...linkSettings,
  'link.address': requiredAddress('the address of the receiver, at the far end of the link'),
  'link.sourceAddress': optionalAddress(
    "this host's address on the link; default: the one that the route gives",
  ),
  'link.interface': optionalText(
    'the network interface of the link; nothing leaves by another; default: that of the route to link.address, never the default route',
  ),
  'link.rateMegabitsPerSecond': realNumber(
    { min: 0.1, max: 100_000, fallback: 500 },
    'the rate on the wire, including all headers',
  ),
  'link.burstDatagrams': wholeNumber(
    { min: 1, max: 1024, fallback: 44 },
    'how many datagrams may be sent back to back',
  ),
  'link.sendBufferBytes': wholeNumber(
    { min: 65_536, max: 2 ** 30, fallback: 4 * 2 ** 20 },
    'the socket buffer to request',
  ),
  ...codeSettings,
  'code.openBlocks': wholeNumber(openBlocksBounds, 'D: blocks whose symbols are interleaved'),
  'code.engine': choice(engineNames, 'auto', 'the erasure-code engine; all produce the same bytes'),
  'passes.count': wholeNumber(
    { min: 1, max: 16, fallback: 2 },
    'how many passes are planned for every object',
  ),
  'passes.gapMs': wholeNumber(
    { min: 0, max: 3_600_000, fallback: 200 },
    'the least time between two passes of an object',
  ),
  'passes.carouselPercent': wholeNumber(
    { min: 0, max: 100, fallback: 25 },
    'the share of the link that repeats what the spool keeps; 0 switches this off',
  ),
  'passes.carouselGapSeconds': wholeNumber(
    { min: 1, max: 86_400, fallback: 60 },
    'the least time between two repeats of an object',
  ),
  'beacon.intervalMs': wholeNumber(
    { min: 100, max: 60_000, fallback: 1000 },
    'how often a beacon, the heartbeat of the link, is sent',
  ),
  'beacon.rollSeconds': wholeNumber(
    { min: 1, max: 3600, fallback: 30 },
    'how often the receiver gets a list of all studies in the spool',
  ),
  'events.keepForDays': realNumber(
    { min: 0.0001, max: 3650, fallback: 30 },
    'how long the events that diode-sender events shows are kept, counted while the sender runs; at most a million of them',
  ),
  'log.level': choice(['error', 'warn', 'info', 'debug'], 'info', 'what is logged'),
  'log.pseudonyms': yesOrNo(false, 'log a keyed pseudonym in place of each UID'),
} as const;

export type SenderConfiguration = ValuesOf<typeof senderSettings>;
