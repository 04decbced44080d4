/**
 * The one error class of the project, and the catalogue of its stable codes.
 *
 * A code is for scripts and never changes its meaning. Its cause and its action are for the operator.
 * No message carries PHI: no names, no patient ids, no file names; UIDs only where a code says so.
 * `shared/ERRORS.md` is this catalogue as a page; a test keeps the two alike.
 */

interface Entry {
  /** What happened. */
  readonly meaning: string;
  /** What the operator does about it. */
  readonly action: string;
}

export const errorCatalogue = {
  // Command line and configuration
  E_USAGE: {
    meaning: 'The command line is wrong.',
    action: 'Run the command with --help: it shows what there is.',
  },
  E_CONFIG_MISSING: {
    meaning: 'The configuration file does not exist or can not be read.',
    action: 'Give its path with --config.',
  },
  E_CONFIG_SYNTAX: {
    meaning: 'The configuration file is not valid TOML.',
    action: 'Correct the line that the message names.',
  },
  E_CONFIG_UNKNOWN_KEY: {
    meaning: 'The configuration has a key that does not exist.',
    action: 'Use the key that the message proposes, or remove it.',
  },
  E_CONFIG_VALUE: {
    meaning: 'A configuration value is missing, of the wrong kind or out of bounds.',
    action: 'Correct the value that the message names.',
  },
  E_CONFIG_DEVICE: {
    meaning: 'Two folders that must share a file system do not.',
    action: 'Put vault, inbox and partial folder on one file system.',
  },
  E_FOLDER: {
    meaning: 'A configured folder is missing or can not be written.',
    action: 'Create it and give it to the user the program runs as.',
  },
  E_ALREADY_RUNNING: {
    meaning: 'Another process uses this spool or vault.',
    action: 'Stop the other process, or give this one a folder of its own.',
  },
  // Keys
  E_KEY_MISSING: {
    meaning: 'The key file does not exist or can not be read.',
    action:
      'Check keyFile and whose file it is; where there is none yet, write one with diode-sender keygen and carry a copy to the other side.',
  },
  E_KEY_READABLE: {
    meaning: 'Others than its owner can read or change the key file.',
    action: 'chmod 600 it, and make a new key if others may have seen this one.',
  },
  E_KEY_FORMAT: {
    meaning: 'The key file is not a dicom-diode key file.',
    action: 'Copy it again from the other side, or make a new one with keygen.',
  },
  E_KEY_EXISTS: {
    meaning: 'keygen would overwrite an existing file.',
    action: 'Choose another path; a key in use is never overwritten.',
  },
  E_KEY_UNKNOWN: {
    meaning: 'The key file has no key of this id.',
    action: 'Run keys list: it shows the ids that are there.',
  },
  E_KEY_LAST: {
    meaning: 'The only key of the ring can not be revoked.',
    action: 'Add another one with keygen --add and carry it to the other side first.',
  },
  // The link
  E_LINK_PORT_BUSY: {
    meaning: 'Another process uses the UDP port of the link.',
    action: 'Stop it, or configure another port on both sides.',
  },
  E_LINK_ADDRESS: {
    meaning: 'The link address is not one of this host.',
    action: 'Configure the address of the network interface that faces the link.',
  },
  E_LINK_INTERFACE: {
    meaning:
      "The socket of the link is not bound to the link's interface: what other networks send to its address reaches it.",
    action:
      'Name the interface in link.interface; install koffi, and use Linux 5.7 or newer. Until then only the rules of nftables/ keep them apart.',
  },
  E_LINK_STRAY: {
    meaning:
      'The rules of the kernel stopped what must not be at the link, such as datagrams for it by another network.',
    action:
      'Find what sends it (tcpdump -i); hw-notes say what each counter means. Load the rules again to begin from 0.',
  },
  E_LINK_DOWN: {
    meaning: 'The link interface has no carrier or is down.',
    action: 'Check fibre, converter and interface; the queue is kept meanwhile.',
  },
  E_LINK_NEIGHBOUR: {
    meaning: 'The hardware address of the receiver is not written down on the sender.',
    action:
      'Run the command that the alarm names, and put it into the network configuration: on a one-way link nobody answers.',
  },
  E_LINK_MTU: {
    meaning: 'The MTU of the link interface is too small for a datagram.',
    action: 'Raise the MTU of the interface, or lower link.datagramBytes on both sides.',
  },
  E_CALIBRATION_SILENT: {
    meaning: 'No test transmission came while this side waited for one.',
    action:
      'Check that diode-sender calibrate runs, with the same key, address, port and datagram length; then fibre and doctor.',
  },
  E_LINK_DROPS: {
    meaning: 'The link interface of the sender drops what it is given.',
    action: 'Lower link.rateMegabitsPerSecond; check cable, converter and flow control (ethtool -A).',
  },
  E_LINK_LOSS: {
    meaning: 'Many datagrams are lost before they reach this host.',
    action: 'Check fibre, connectors and converters; if the sender reports drops, lower its rate.',
  },
  E_NIC_DROPS: {
    meaning: 'The network interface or the kernel had no room for datagrams of the link.',
    action: 'Raise the ring (ethtool -G) and net.core.netdev_max_backlog, as in hw-notes.',
  },
  E_SOCKET_DROPS: {
    meaning: 'The socket buffer of the link was full, and datagrams were dropped.',
    action: 'Raise net.core.rmem_max and link.receiveBufferBytes; give the receiving thread a core.',
  },
  E_LINK_SEND: {
    meaning: 'The kernel refused to send on the link.',
    action: 'Read the cause; check address, route, neighbour entry and MTU.',
  },
  E_LINK_BUFFER: {
    meaning: 'The socket buffer is smaller than asked for.',
    action: 'Raise net.core.rmem_max (receiver) or net.core.wmem_max (sender), as in hw-notes.',
  },
  E_RING_FULL: {
    meaning: 'Datagrams arrived faster than this host worked on them, and were dropped.',
    action:
      'Give it processor time, raise link.ringMegabytes, or lower link.rateMegabitsPerSecond; a later pass brings them again.',
  },
  E_DISK_SLOW: {
    meaning: 'Datagrams were dropped while this host waited for its disk.',
    action:
      'Use a faster disk for the vault, bound vm.dirty_bytes as in hw-notes, or lower link.rateMegabitsPerSecond.',
  },
  E_NO_BEACON: {
    meaning: 'No beacon came from the sender for a while.',
    action: 'Check that the sender runs, and the link. One out of use: diode-receiver senders retire.',
  },
  E_PARAMETER_MISMATCH: {
    meaning: 'Sender and receiver are configured with different link parameters.',
    action: 'Make the values that the alarm names the same on both sides.',
  },
  // Datagrams (counted and alarmed, never logged one by one)
  E_DATAGRAM_LENGTH: {
    meaning: 'A datagram has another length than the link constant.',
    action: 'Set link.datagramBytes the same on both sides; check the MTU.',
  },
  E_DATAGRAM_MAGIC: {
    meaning: 'Something that is not dicom-diode sends to the port of the link.',
    action: 'Find what else sends on the link.',
  },
  E_DATAGRAM_VERSION: {
    meaning: 'The sender speaks another version of the wire protocol.',
    action: 'Bring both sides to versions that speak the same protocol.',
  },
  E_DATAGRAM_KEY: {
    meaning: 'A datagram names a key this receiver does not have.',
    action: 'Carry the key file to this side again.',
  },
  E_DATAGRAM_TAG: {
    meaning: 'The tag of a datagram is wrong: forged, damaged, or of another key.',
    action: 'A few are line noise; many mean a wrong key or an attack on the link.',
  },
  E_DATAGRAM_MODE: {
    meaning: 'A datagram is protected in another way than this receiver is configured for.',
    action: 'Set link.protection the same on both sides.',
  },
  E_DATAGRAM_FIELD: {
    meaning: 'A header field is out of its bounds.',
    action: 'Bring both sides to the same version; report it if they are.',
  },
  E_DATAGRAM_REPLAY: {
    meaning: 'A beacon or roll of an older session or sequence came again.',
    action:
      'If it persists, somebody plays a recording of the link, or an old disk image of the sender runs.',
  },
  // Objects and blocks
  E_BLOCK_OPEN: {
    meaning: 'A source block did not open: its authentication failed.',
    action: 'The block is collected anew; if it persists, check the keys and the sender.',
  },
  E_OBJECT_HASH: {
    meaning: 'An object was put together and its hash is wrong.',
    action: 'It is collected anew; if it persists, check memory and disk of both hosts.',
  },
  E_DOCUMENT: {
    meaning: 'A manifest, beacon or roll does not follow its format.',
    action: 'Bring both sides to the same version; report it if they are.',
  },
  E_DOCUMENT_BACKLOG: {
    meaning:
      'A sender sends more manifests, beacons and rolls than are read meanwhile, and some were dropped.',
    action: 'A later pass brings them again; if it lasts, look whether that host is taken over.',
  },
  E_TOO_LARGE: { meaning: 'Something is larger than its limit.', action: 'See the limits in the README.' },
  // Taking files in
  E_FILE_EMPTY: { meaning: 'The file is empty.', action: 'Send it again from the scanner.' },
  E_NOT_DICOM: { meaning: 'The file is not a DICOM Part 10 file.', action: 'Export it again as DICOM.' },
  E_DICOMDIR: {
    meaning: 'The file is a DICOMDIR, an index of a medium and no image.',
    action: 'Nothing to do: the images it lists are taken one by one.',
  },
  E_NO_UID: {
    meaning: 'The file lacks its Study, Series or SOP Instance UID.',
    action: 'Export it again from the scanner.',
  },
  E_BAD_UID: {
    meaning: 'A UID in the file does not follow PS3.5 section 9.1.',
    action: 'Export it again from the scanner; look at the file if that repeats.',
  },
  E_FILE_TRUNCATED: { meaning: 'The file ends inside its header.', action: 'Copy it again.' },
  E_DICOM_LENGTH: {
    meaning: 'A length in the file is larger than what it is part of, or than the file.',
    action:
      'The file is damaged or was made to harm: export it again from the scanner; look at it if that repeats.',
  },
  E_DICOM_NESTING: {
    meaning: 'Sequences in the file nest deeper than the limit.',
    action: 'No scanner writes that: find out where the file came from before you release it.',
  },
  E_DICOM_ELEMENTS: {
    meaning: 'The file has more data elements than the limit, or than one of its size may have.',
    action: 'Find out where the file came from; raise the limit if that device writes such files.',
  },
  E_DICOM_SYNTAX: {
    meaning: 'The data set is not encoded as PS3.5 and its transfer syntax say; readers may disagree on it.',
    action: 'Export it again from the scanner; tell its maker if that repeats.',
  },
  E_DICOM_ORDER: {
    meaning: 'Elements of the data set are doubled or out of order; readers may disagree on it.',
    action: 'Find out where the file came from; release it if that device writes such files.',
  },
  E_DICOM_TRAILING: {
    meaning: 'Bytes stand behind the data set that are no part of it.',
    action: 'Another file may be hidden there: look at it before you release it.',
  },
  E_DICOM_META: {
    meaning: 'The file meta information is incomplete, too large or out of order.',
    action: 'Export it again from the scanner; tell its maker if that repeats.',
  },
  E_DICOM_DEFLATE: {
    meaning: 'The deflated data set is damaged, or inflates beyond the limit.',
    action: 'Export it again from the scanner; look at the file if that repeats.',
  },
  E_FILE_CHANGED: {
    meaning: 'The file changed while it was taken in.',
    action: 'Nothing to do: it is taken when it stands still.',
  },
  E_FILE_READ: { meaning: 'The file can not be read.', action: 'Check permissions and the disk.' },
  E_FILE_KIND: {
    meaning: 'A link, pipe, socket or device lies where a file or folder is due; it is left alone.',
    action: 'Find out who put it into the watch folder, and remove it.',
  },
  E_WATCH_CROWDED: {
    meaning:
      'More files lie in the watch folder than are followed at once: some have to wait for a place, and may be taken late.',
    action:
      'Find files there that never come to rest or can not be taken, and what writes them; remove them. Fewer files at a time help as well.',
  },
  E_REJECTED_FULL: {
    meaning: 'rejected/ has as much in it as it may: what can not be taken stays where it is.',
    action: 'Look at what is in rejected/ and where it comes from; remove it, and the rest follows.',
  },
  E_DISK_FULL: { meaning: 'The disk is full.', action: 'Free space; work goes on by itself then.' },
  E_NO_ROOM: {
    meaning: 'A sender asks for more room than its share: what it began gives way, or is not begun.',
    action:
      'diode-receiver status --json says in what (shortages). Look at that sender; other senders go on. Free space when the vault is short of it.',
  },
  E_DISK: { meaning: 'A disk operation failed.', action: 'Read the cause; check disk and file system.' },
  E_SPOOL_DAMAGED: {
    meaning: 'Files of the spool are gone, cut or changed: they can not be sent any more.',
    action:
      'Run diode-sender verify to see which; check the disk, and send those instances from the scanner again.',
  },
  E_VAULT_DAMAGED: {
    meaning: 'Files of the vault were gone, cut or changed; they are collected anew.',
    action:
      'Check the disk; diode-receiver missing names what has not come again yet, and damaged/ in the vault has the files.',
  },
  E_COPY_WAITING: {
    meaning: 'The copy of an instance that goes out, with its preamble zeroed, is not made yet.',
    action: 'It is made by itself, also when the disk has room again: ask again in a moment.',
  },
  E_VERIFY: {
    meaning: 'What is kept differs from the ledger.',
    action: 'See the list above; check the disk before anything else.',
  },
  E_RETENTION_SHORT: {
    meaning: 'Studies expire before their time, since the disk of the spool is above its high-water mark.',
    action:
      'Give the spool a larger disk, or lower spool.retainForDays: what has expired can not be sent again.',
  },
  E_LEDGER: {
    meaning: 'The ledger can not be opened or written.',
    action: 'Check the disk; do not delete the ledger: it knows what was taken in.',
  },
  // Studies on the high side
  E_STUDY_INCOMPLETE: {
    meaning: 'A study misses instances after its deadline.',
    action: 'See diode-receiver missing; have the sender send it again.',
  },
  E_STUDY_UNCLAIMED: {
    meaning: 'Instances arrived that no manifest lists.',
    action: 'The sender may have stopped before closing the study; start it, or close the study there.',
  },
  E_STUDY_MISSING: {
    meaning: 'A study number of the sender was never seen.',
    action: 'See diode-receiver missing; have the sender send it again.',
  },
  E_STUDY_UNKNOWN: {
    meaning: 'There is no such study.',
    action: 'See status for the Study Instance UIDs and numbers.',
  },
  E_STUDY_FULL: {
    meaning: 'A study has more instances or series than a manifest can list.',
    action:
      'Its first ones are listed and released; the others cross, and are named on the high side as unclaimed. Find out what fills one study so.',
  },
  E_STUDY_STATE: { meaning: 'The study is not in a state that allows this.', action: 'See status.' },
  E_CONFLICT: {
    meaning:
      'An instance has the UID of another one and other bytes: a corrected image may be waiting, or one of another sender. It is held.',
    action: 'Compare both, see diode-receiver quarantine show; then release or purge the one that is held.',
  },
  E_INSTANCE_MISMATCH: {
    meaning: 'An instance does not say what its manifest says of it.',
    action: 'It is held: look at it before anything else.',
  },
  E_PATIENT_MISMATCH: {
    meaning:
      'The instances of one study name two patients, or have nothing in common that names one; it is held.',
    action: 'Find out with the scanner staff whose images these are; release nothing before that.',
  },
  E_GATE_GAVE_UP: {
    meaning: 'The gate gave up on the instance: looking at it took too long, or failed; it is held.',
    action: 'Find out where the file came from; release it if it opens elsewhere, and report the defect.',
  },
  E_GATE_BEHIND: {
    meaning: 'So many instances of this sender wait for the gate or the disk that no more of it are begun.',
    action: 'Nothing if it ends soon: they come again. Else see what this sender sends, and the disk.',
  },
  E_GATE_META: {
    meaning: 'The file meta information names another instance or SOP class than the data set; it is held.',
    action: 'Export it again from the scanner; look at both UIDs before you release it.',
  },
  E_SOP_CLASS: {
    meaning: 'The SOP class of the instance is not one that the gate lets through; it is held.',
    action: 'Release it, or change the list of SOP classes if this kind is wanted.',
  },
  E_ENCAPSULATED_DOCUMENT: {
    meaning: 'The instance carries a document (PDF, CDA, STL and the like) for another program; it is held.',
    action: 'Release it if the document is wanted, or let such documents pass by configuration.',
  },
  E_PREAMBLE: {
    meaning: 'The preamble of the file is one that another program would run or open; it is held.',
    action: 'Find out where the file came from; its preamble is zeroed if you release it.',
  },
  E_SCAN_WAITING: {
    meaning: 'The malware scanner has not looked at the instance yet; it is held until then.',
    action: 'Nothing to do while the scanner works; else see E_SCANNER.',
  },
  E_SCANNER: {
    meaning: 'The malware scanner does not answer; nothing passes meanwhile.',
    action:
      'Check clamd and scan.socket or scan.host. What waits is kept, and scanned when it answers again.',
  },
  E_SCAN_REFUSED: {
    meaning:
      'The malware scanner works and does not take some instances, as a rule since they are too large for it.',
    action:
      'Raise StreamMaxLength in clamd.conf above the largest instance; they are tried again. Or release them with quarantine.',
  },
  E_MALWARE: {
    meaning: 'The malware scanner found something in the instance; it is held.',
    action: 'Tell those who look after the scanner that it came from; purge it unless it is a false alarm.',
  },
  E_PURGED: {
    meaning: 'A person purged the instance; its bytes are deleted, and it is kept out when it is sent again.',
    action: 'Purge it once more with --again if it is wanted after all: the next pass brings it then.',
  },
  E_HELD_UNKNOWN: {
    meaning: 'Nothing that is held has this id.',
    action: 'See diode-receiver quarantine list for the ids.',
  },
  E_RELEASE: {
    meaning: 'A study is complete and could not be released, for a reason of its own; all others go on.',
    action: 'See diode-receiver missing for the reason; it is tried again by itself. Report it with the log.',
  },
  E_STUDIES_FULL: {
    meaning: 'A sender has so much open that nothing more is kept of it; other senders are not concerned.',
    action:
      'See diode-receiver missing --sender ID; have it send what is missing, or find out why it tells of so much.',
  },
  E_INBOX_TAKEN: {
    meaning: 'The name of a study is taken in the inbox by something else.',
    action: 'Move that away; the release is tried again by itself.',
  },
  E_TICKET: {
    meaning: 'This is no ticket, or it is damaged.',
    action: 'Carry it again, whole; or make a new one with diode-receiver missing.',
  },
  E_TICKET_FOREIGN: {
    meaning: 'The ticket is for another sender, or was made with another key.',
    action: 'Carry it to the sender that it names.',
  },
  E_TICKET_FORGED: {
    meaning: 'The proof in the ticket is wrong.',
    action: 'Make a new one with diode-receiver missing; if it persists, compare the keys of both sides.',
  },
  E_TICKET_USED: {
    meaning: 'The ticket was used before; what it asked for was queued then.',
    action: 'If it still misses, make a new one with diode-receiver missing.',
  },
  E_TICKET_EXPIRED: {
    meaning: 'The ticket is too old, or what it asks for is not kept any more.',
    action: 'Make a new one; what the sender does not keep has to be sent by the scanner again.',
  },
  // Senders
  E_SENDER_KEY: {
    meaning: 'Something of a sender came under a key of another name than the one it is bound to.',
    action:
      'If it rightly has a key of another name now, say so with diode-receiver senders bind; else the host with that key speaks for a sender that it is not.',
  },
  E_SENDER_PLACES: {
    meaning: 'More sender ids speak under one key name than have a place there; new ones are refused.',
    action:
      'See diode-receiver senders and retire those out of use; ids that nobody knows mean that the host with this key is taken over.',
  },
  E_SENDER_SET_BACK: {
    meaning:
      'A sender goes on with a lower session counter: it was set back to an older disk image, or a recording is played.',
    action:
      'Ask on the low side. If it was set back, say so with diode-receiver senders accept; if not, somebody plays a recording of the link.',
  },
  E_SENDER_RENEWED: {
    meaning: 'The session counter of this sender can not grow any more, so it goes on under a new sender id.',
    action:
      'Retire the old id on the high side, with diode-receiver senders retire; what is kept is sent under the new one.',
  },
  E_STUDY_NUMBERS: {
    meaning: 'A sender tells of far more studies than anything of it ever named.',
    action:
      'Compare with diode-sender status there; diode-receiver senders correct sets its highest study number right.',
  },
  E_LOW_SIDE: {
    meaning: 'The sender reports a problem.',
    action: 'See the code that the alarm names, and act on the low side.',
  },
  // DICOM and DICOMweb peers
  E_DICOM_LISTEN: {
    meaning: 'The DICOM port can not be opened.',
    action: 'Check the address and port; another process may use it.',
  },
  E_DICOM_PROTOCOL: {
    meaning: 'A DICOM peer broke the protocol; its association was aborted.',
    action: 'If it is a scanner or PACS, tell its maker; if not, find out what connects to this port.',
  },
  E_ASSOCIATION_REJECTED: {
    meaning: 'An association was rejected.',
    action: 'Compare AE titles, addresses and the number of associations that both sides allow.',
  },
  E_ASSOCIATION_ABORTED: {
    meaning: 'An association ended before its work was done.',
    action: 'Nothing to do once: it is tried again; if it persists, read the log of the peer.',
  },
  E_ASSOCIATION_TIMEOUT: {
    meaning: 'A DICOM peer did not answer or send in time.',
    action: 'Check the peer and the network; raise the time if it is only slow.',
  },
  E_PEER_CONNECT: {
    meaning: 'No connection to the peer could be made.',
    action: 'Check its address and port, the network, and TLS if it is used.',
  },
  E_PEER_CONTEXT: {
    meaning: 'The destination does not take this SOP class in this transfer syntax.',
    action: 'Let the destination accept it, or route this kind elsewhere.',
  },
  E_PEER_REFUSED: {
    meaning: 'The destination refused an instance.',
    action: 'Read the status it gave, and look it up in its log.',
  },
  E_PEER_HTTP: {
    meaning: 'The destination answered with an HTTP error.',
    action: 'Check the URL and the credentials, and read the log of the destination.',
  },
  E_DELIVERY_WAITING: {
    meaning: 'Instances wait too long for their destination.',
    action: 'Run diode-receiver destinations test; what waits is kept and sent when it answers.',
  },
  E_DELIVERY_FAILED: {
    meaning: 'A destination refused instances for good, or could not take them again and again.',
    action:
      'See diode-receiver deliveries for each reason; put it right, then run destinations retry or abandon.',
  },
  E_DELIVERY_NOWHERE: {
    meaning: 'Released instances wait for a destination that the configuration does not have.',
    action:
      'Add it, or change the rules and run destinations retry; or give them up with destinations abandon.',
  },
  E_CREDENTIALS: {
    meaning: 'A file with credentials, certificates or keys of a destination can not be used.',
    action: 'Read what the message says; a secret must be readable by its owner alone: chmod 600.',
  },
  E_REQUEST_TIMEOUT: {
    meaning: 'The running program did not answer the request in time.',
    action: 'Check that it runs; the request stays queued.',
  },
  E_INSTALLATION: {
    meaning: 'A part of the program is missing or does not run on this machine.',
    action: 'Run npm run build, or install the package again.',
  },
  E_ALARMS: {
    meaning: 'More alarms of one code stand than are shown one by one.',
    action:
      'Act on those that are shown; diode-receiver missing and quarantine list name what the others are about.',
  },
  E_INTERNAL: {
    meaning: 'The program found itself wrong and stopped.',
    action: 'It is restarted by its supervisor; report it with the log.',
  },
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof errorCatalogue;

/**
 * What a full or failing disk says, or the ledger on it: for a while and not for ever. It is an alarm, and what could
 * not be written is written when it can.
 */
export const storageCodes = ['E_DISK_FULL', 'E_DISK', 'E_LEDGER'] as const satisfies readonly ErrorCode[];

export function isStorageCode(code: ErrorCode): boolean {
  return storageCodes.some((each) => each === code);
}

/** Whether a string (from a ledger, a beacon) is a code this version knows. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCatalogue, text);
}

/** An operating error: a stable code, one sentence for this occurrence (no PHI), and its cause. */
export class DiodeError extends Error {
  override readonly name = 'DiodeError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail ?? errorCatalogue[code].meaning, options);
    this.code = code;
  }

  /** What the operator does about it. */
  get action(): string {
    return errorCatalogue[this.code].action;
  }
}

/** Turns a failed file-system call into a DiodeError: a full disk has a code of its own. */
export function diskError(cause: unknown, what: string): DiodeError {
  const code = errorCauseCode(cause);
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new DiodeError(full ? 'E_DISK_FULL' : 'E_DISK', `${what} (${code ?? 'unknown cause'})`, { cause });
}

/** The `code` of a Node system error (`ENOSPC`, `EADDRINUSE`), when it has one. */
export function errorCauseCode(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}
