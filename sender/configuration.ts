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
  priority: choice(['routine', 'stat'], 'routine', 'whether what comes to it goes first'),
  quietSeconds: optionalNumber(
    { min: 0, max: 86_400 },
    'a study is closed when nothing came for so long; default: 60, for urgent ones 10',
  ),
  callingTitles: texts({ textsMax: 64, form: textForms.aeTitle }, 'who may call it; default: any AE title'),
  callingAddresses: texts(
    { textsMax: 64, form: textForms.network },
    'addresses and networks it may be called from; default: any',
  ),
} as const;

export const senderSettings = {
  keyFile: outside(
    ['watch.folder'],
    requiredPath('the key file, written by keygen and carried to the receiver'),
  ),
  'watch.folder': optionalPath(
    'where the scanner or an export puts its files; stat/ in it is for urgent ones',
  ),
  'watch.scanIntervalMs': wholeNumber(
    { min: 50, max: 600_000, fallback: 1000 },
    'how often the folder is looked at',
  ),
  'watch.settleScans': wholeNumber(
    { min: 1, max: 100, fallback: 2 },
    'a file is taken when it stood still for so many looks',
  ),
  'watch.quietSeconds': realNumber(
    { min: 0, max: 86_400, fallback: 60 },
    'a study is closed when nothing came for so long',
  ),
  'watch.statQuietSeconds': realNumber({ min: 0, max: 86_400, fallback: 10 }, 'the same for urgent studies'),
  'watch.rejectedFolder': outside(
    ['watch.folder'],
    optionalPath('where files go that can not be taken; default: rejected/ in the spool'),
  ),
  'dicom.address': awayFromLink(
    optionalAddress('the own address that scanners send to; without it no port is opened'),
  ),
  'dicom.port': wholeNumber({ min: 1, max: 65_535, fallback: 11_112 }, 'the port they send to'),
  'dicom.titles': listOfTables(
    { fields: titleSettings, tablesMax: 32, uniqueField: 'title' },
    'the own AE titles; without any: DIODE, and DIODE_STAT for urgent ones, both for any caller',
  ),
  'dicom.associationsMax': wholeNumber({ min: 1, max: 256, fallback: 32 }, 'associations at a time'),
  'dicom.pduBytesMax': wholeNumber(
    { min: 4096, max: associationLimits.dataPduBytesMax, fallback: associationLimits.dataPduBytesMax },
    'the longest P-DATA-TF taken',
  ),
  'dicom.associationSeconds': wholeNumber(
    { min: 1, max: 3600, fallback: 30 },
    'a connection has to ask for its association within this',
  ),
  'dicom.idleSeconds': wholeNumber(
    { min: 1, max: 86_400, fallback: 300 },
    'an association without a byte is aborted after this; consoles pause while they reconstruct',
  ),
  'dicom.pduSeconds': wholeNumber(
    { min: 1, max: 3600, fallback: 60 },
    'what is begun of a message has to go on within this',
  ),
  'dicom.procedureSteps': yesOrNo(
    false,
    'take performed procedure steps (MPPS): one that is completed closes its study at once',
  ),
  'dicom.storageCommitment': choice(
    ['refused', 'own-spool'],
    'refused',
    'own-spool promises what this spool keeps, until it expires, and nothing of the PACS',
  ),
  'dicom.tlsKeyFile': optionalPath('the private key as PEM, mode 0600: with it the port speaks TLS only'),
  'dicom.tlsCertificateFile': optionalPath('the certificate that goes with it, and those above it'),
  'dicom.tlsClientAuthoritiesFile': optionalPath(
    'who signs the certificates of scanners; with it every scanner has to show one',
  ),
  'spool.folder': outside(['watch.folder'], requiredPath('where files are kept until they expire')),
  'spool.highWaterPercent': wholeNumber(
    { min: 10, max: 99, fallback: 90 },
    'above this the oldest studies expire early, and nothing new is taken in meanwhile',
  ),
  'spool.lowWaterPercent': below(
    'spool.highWaterPercent',
    wholeNumber({ min: 5, max: 98, fallback: 80 }, 'below this taking in begins again'),
  ),
  'spool.retainForDays': realNumber(
    { min: 0.0001, max: 3650, fallback: 14 },
    'a study is kept for so long, counted while the sender runs, to be sent again',
  ),
  'spool.tombstoneDays': realNumber(
    { min: 0.0001, max: 3650, fallback: 90 },
    'how long the receiver is still told of a study that has expired',
  ),
  ...linkSettings,
  'link.address': requiredAddress('the receiver, at the far end of the link'),
  'link.sourceAddress': optionalAddress('the own address on the link; default: what the route says'),
  'link.interface': optionalText(
    'the network interface of the link: nothing leaves by another; default: that of the route to link.address, never the default route',
  ),
  'link.rateMegabitsPerSecond': realNumber(
    { min: 0.1, max: 100_000, fallback: 500 },
    'the rate on the wire, with all headers',
  ),
  'link.burstDatagrams': wholeNumber({ min: 1, max: 1024, fallback: 44 }, 'datagrams back to back at most'),
  'link.sendBufferBytes': wholeNumber(
    { min: 65_536, max: 2 ** 30, fallback: 4 * 2 ** 20 },
    'the socket buffer asked for',
  ),
  ...codeSettings,
  'code.openBlocks': wholeNumber(openBlocksBounds, 'D: blocks whose symbols go out in turn'),
  'code.engine': choice(engineNames, 'auto', 'the erasure-code engine; all give the same bytes'),
  'passes.count': wholeNumber({ min: 1, max: 16, fallback: 2 }, 'planned passes of every object'),
  'passes.gapMs': wholeNumber(
    { min: 0, max: 3_600_000, fallback: 200 },
    'two passes of an object are at least so far apart',
  ),
  'passes.carouselPercent': wholeNumber(
    { min: 0, max: 100, fallback: 25 },
    'share of the link that repeats what is kept; 0 switches it off',
  ),
  'passes.carouselGapSeconds': wholeNumber(
    { min: 1, max: 86_400, fallback: 60 },
    'an object is not repeated more often than this',
  ),
  'beacon.intervalMs': wholeNumber({ min: 100, max: 60_000, fallback: 1000 }, 'the heartbeat'),
  'beacon.rollSeconds': wholeNumber(
    { min: 1, max: 3600, fallback: 30 },
    'how often all studies of the spool are listed to the receiver',
  ),
  'log.level': choice(['error', 'warn', 'info', 'debug'], 'info', 'what is logged'),
  'log.pseudonyms': yesOrNo(false, 'log a keyed pseudonym in the place of each UID'),
} as const;

export type SenderConfiguration = ValuesOf<typeof senderSettings>;
