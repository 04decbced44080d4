/**
 * The one error class of the project, and the catalogue of its stable codes.
 *
 * A code is for scripts and never changes its meaning. Its cause and its action are for the operator.
 * No message carries PHI: no names, no patient ids, no file names; UIDs only where a code says so.
 * `shared/ERRORS.md` is this catalogue as a page; a test keeps the two the same.
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
    action: 'Run the command with --help to see what it accepts.',
  },
  E_CONFIG_MISSING: {
    meaning: 'The configuration file does not exist or cannot be read.',
    action: 'Give its path with --config.',
  },
  E_CONFIG_SYNTAX: {
    meaning: 'The configuration file is not valid TOML.',
    action: 'Correct the line named in the message.',
  },
  E_CONFIG_UNKNOWN_KEY: {
    meaning: 'The configuration contains a key that does not exist.',
    action: 'Use the key that the message suggests, or remove the unknown one.',
  },
  E_CONFIG_VALUE: {
    meaning: 'A configuration value is missing, of the wrong type or out of range.',
    action: 'Correct the value named in the message.',
  },
  E_CONFIG_DEVICE: {
    meaning: 'Two folders that must be on the same file system are not.',
    action: 'Put the vault, the inbox and the partial folder on one file system.',
  },
  E_FOLDER: {
    meaning: 'A configured folder is missing or cannot be written to.',
    action: 'Create it and make the user that the program runs as its owner.',
  },
  E_ALREADY_RUNNING: {
    meaning: 'Another process is using this spool or vault.',
    action: 'Stop the other process, or give this one a folder of its own.',
  },
  // Keys
  E_KEY_MISSING: {
    meaning: 'The key file does not exist or cannot be read.',
    action:
      'Check keyFile and who owns that file. If there is no key file yet, create one with diode-sender keygen and carry a copy to the other side.',
  },
  E_KEY_READABLE: {
    meaning: 'The key file can be read or changed by users other than its owner.',
    action: 'Run chmod 600 on it, and make a new key if others may have seen this one.',
  },
  E_KEY_FORMAT: {
    meaning: 'The key file is not a dicom-diode key file.',
    action: 'Copy it from the other side again, or make a new one with keygen.',
  },
  E_KEY_EXISTS: {
    meaning: 'keygen would overwrite an existing file.',
    action: 'Choose another path; keygen never overwrites a key file.',
  },
  E_KEY_UNKNOWN: {
    meaning: 'The key file has no key with this id.',
    action: 'Run keys list to see the ids it has.',
  },
  E_KEY_LAST: {
    meaning: 'The only key in the ring cannot be revoked.',
    action: 'First add another one with keygen --add and carry it to the other side.',
  },
  // The link
  E_LINK_PORT_BUSY: {
    meaning: "Another process is using the link's UDP port.",
    action: 'Stop that process, or configure another port on both sides.',
  },
  E_LINK_ADDRESS: {
    meaning: 'The link address does not belong to this host.',
    action: 'Configure the address of the network interface that faces the link.',
  },
  E_LINK_INTERFACE: {
    meaning:
      "The link's socket is not bound to the link's interface, so packets that other networks send to its address reach it.",
    action:
      'Name the interface in link.interface, install koffi, and use Linux 5.7 or newer. Until then only the rules in nftables/ keep those networks out.',
  },
  E_LINK_STRAY: {
    meaning:
      'The kernel rules stopped traffic that does not belong on the link, such as datagrams for it from another network.',
    action:
      'Find what sends it (tcpdump -i); hw-notes explain each counter. Then reload the rules to restart the counters at 0.',
  },
  E_LINK_DOWN: {
    meaning: 'The link interface has no carrier or is down.',
    action: 'Check the fiber, the converter and the interface. The queue is kept until the link is back.',
  },
  E_LINK_NEIGHBOUR: {
    meaning: "The sender has no permanent neighbour entry with the receiver's hardware address.",
    action:
      'Run the command that the alarm gives, and add the entry to the network configuration: on a one-way link nobody answers ARP.',
  },
  E_LINK_MTU: {
    meaning: 'The MTU of the link interface is too small for a datagram.',
    action: "Raise the interface's MTU, or lower link.datagramBytes on both sides.",
  },
  E_CALIBRATION_SILENT: {
    meaning: 'No test transmission arrived while this side was waiting for one.',
    action:
      'Check that diode-sender calibrate is running with the same key, address, port and datagram length; then check the fiber, and run doctor.',
  },
  E_LINK_DROPS: {
    meaning: "The sender's link interface drops datagrams it is given to send.",
    action: 'Lower link.rateMegabitsPerSecond; check the cable, the converter and flow control (ethtool -A).',
  },
  E_LINK_LOSS: {
    meaning: 'Many datagrams are lost before they reach this host.',
    action: 'Check the fiber, connectors and converters; if the sender reports drops, lower its rate.',
  },
  E_NIC_DROPS: {
    meaning: 'The network interface or the kernel had no room for datagrams from the link.',
    action: 'Enlarge the receive ring (ethtool -G) and net.core.netdev_max_backlog, as in hw-notes.',
  },
  E_SOCKET_DROPS: {
    meaning: "The link's socket buffer was full, and datagrams were dropped.",
    action:
      'Raise net.core.rmem_max and link.receiveBufferBytes; give the receiving thread a core of its own.',
  },
  E_LINK_SEND: {
    meaning: 'The kernel refused to send on the link.',
    action: 'Read the cause; check the address, the route, the neighbour entry and the MTU.',
  },
  E_LINK_BUFFER: {
    meaning: 'The socket buffer is smaller than requested.',
    action: 'Raise net.core.rmem_max (receiver) or net.core.wmem_max (sender), as in hw-notes.',
  },
  E_RING_FULL: {
    meaning: 'Datagrams arrived faster than this host could process them, and some were dropped.',
    action:
      'Give it more processor time, raise link.ringMegabytes, or lower link.rateMegabitsPerSecond. A later pass brings the lost datagrams again.',
  },
  E_DISK_SLOW: {
    meaning: 'Datagrams were dropped while this host was waiting for its disk.',
    action:
      'Use a faster disk for the vault, limit vm.dirty_bytes as in hw-notes, or lower link.rateMegabitsPerSecond.',
  },
  E_NO_BEACON: {
    meaning: 'No beacon has come from the sender for a while.',
    action:
      'Check that the sender is running, then check the link. If the sender is out of use, run diode-receiver senders retire.',
  },
  E_PARAMETER_MISMATCH: {
    meaning: 'Sender and receiver are configured with different link parameters.',
    action: 'Set the values named in the alarm to be the same on both sides.',
  },
  // Datagrams (counted and alarmed, never logged one by one)
  E_DATAGRAM_LENGTH: {
    meaning: 'A datagram does not have the length configured for the link.',
    action: 'Set link.datagramBytes to the same value on both sides; check the MTU.',
  },
  E_DATAGRAM_MAGIC: {
    meaning: "Something that is not dicom-diode is sending to the link's port.",
    action: 'Find out what else sends on the link.',
  },
  E_DATAGRAM_VERSION: {
    meaning: 'The sender uses another version of the wire protocol.',
    action: 'Install versions that speak the same protocol on both sides.',
  },
  E_DATAGRAM_KEY: {
    meaning: 'A datagram names a key that this receiver does not have.',
    action: 'Carry the key file to this side again.',
  },
  E_DATAGRAM_TAG: {
    meaning: "A datagram's authentication tag is wrong: it was forged, damaged, or made with another key.",
    action: 'A few are line noise; many mean a wrong key or an attack on the link.',
  },
  E_DATAGRAM_MODE: {
    meaning: 'A datagram is protected differently from what this receiver is configured for.',
    action: 'Set link.protection to the same value on both sides.',
  },
  E_DATAGRAM_FIELD: {
    meaning: 'A header field is out of range.',
    action: 'Install the same version on both sides. If they already match, report it.',
  },
  E_DATAGRAM_REPLAY: {
    meaning: 'A beacon or roll from an older session or with an older sequence number arrived again.',
    action:
      'If it persists, someone is replaying a recording of the link, or the sender runs from an old disk image.',
  },
  // Objects and blocks
  E_BLOCK_OPEN: {
    meaning: 'A source block failed authentication and could not be opened.',
    action: 'The block is collected again; if it persists, check the keys and the sender.',
  },
  E_OBJECT_HASH: {
    meaning: 'An object was reassembled, but its hash is wrong.',
    action: 'It is collected again; if it persists, check the memory and disks of both hosts.',
  },
  E_DOCUMENT: {
    meaning: 'A manifest, beacon or roll does not follow its format.',
    action: 'Install the same version on both sides. If they already match, report it.',
  },
  E_DOCUMENT_BACKLOG: {
    meaning:
      'A sender sends manifests, beacons and rolls faster than they can be read, and some were dropped.',
    action: 'A later pass brings them again; if it persists, check whether that host has been compromised.',
  },
  E_TOO_LARGE: { meaning: 'Something exceeds its size limit.', action: 'See the limits in the README.' },
  // Taking files in
  E_FILE_EMPTY: { meaning: 'The file is empty.', action: 'Send it again from the scanner.' },
  E_NOT_DICOM: { meaning: 'The file is not a DICOM Part 10 file.', action: 'Export it again as DICOM.' },
  E_DICOMDIR: {
    meaning: 'The file is a DICOMDIR: the index of a medium, not an image.',
    action: 'Nothing to do: the images it lists are taken in one by one.',
  },
  E_NO_UID: {
    meaning: 'The file lacks its Study, Series or SOP Instance UID.',
    action: 'Export it again from the scanner.',
  },
  E_BAD_UID: {
    meaning: 'A UID in the file does not follow PS3.5 section 9.1.',
    action: 'Export it again from the scanner; if it happens again, examine the file.',
  },
  E_FILE_TRUNCATED: { meaning: 'The file ends within its header.', action: 'Copy it again.' },
  E_DICOM_LENGTH: {
    meaning: 'A length in the file exceeds the element that contains it, or the file itself.',
    action:
      'The file is damaged or was crafted to do harm. Export it again from the scanner; if it happens again, examine the file.',
  },
  E_DICOM_NESTING: {
    meaning: 'Sequences in the file are nested deeper than the limit.',
    action: 'No scanner writes such files: find out where this one came from before you let it through.',
  },
  E_DICOM_ELEMENTS: {
    meaning: 'The file has more data elements than the limit, or than a file of its size can have.',
    action: 'Find out where the file came from; raise the limit if that device writes such files.',
  },
  E_DICOM_SYNTAX: {
    meaning:
      'The data set is not encoded as PS3.5 and its transfer syntax require; readers may interpret it differently.',
    action: 'Export it again from the scanner; if it happens again, tell the manufacturer.',
  },
  E_DICOM_ORDER: {
    meaning: 'Elements of the data set are duplicated or out of order; readers may interpret it differently.',
    action: 'Find out where the file came from; let it through if that device writes such files.',
  },
  E_DICOM_TRAILING: {
    meaning: 'The file contains bytes after its data set.',
    action: 'Another file may be hidden in them: examine the file before you let it through.',
  },
  E_DICOM_META: {
    meaning: 'The file meta information is incomplete, too large or out of order.',
    action: 'Export it again from the scanner; if it happens again, tell the manufacturer.',
  },
  E_DICOM_DEFLATE: {
    meaning: 'The deflated data set is damaged, or inflates beyond the limit.',
    action: 'Export it again from the scanner; if it happens again, examine the file.',
  },
  E_FILE_CHANGED: {
    meaning: 'The file changed while it was being taken in.',
    action: 'Nothing to do: it is taken in once it stops changing.',
  },
  E_FILE_READ: { meaning: 'The file cannot be read.', action: 'Check its permissions and the disk.' },
  E_FILE_KIND: {
    meaning:
      'A link, pipe, socket or device was found where a file or folder was expected; it is left alone.',
    action: 'Find out who put it into the watch folder, and remove it.',
  },
  E_WATCH_CROWDED: {
    meaning:
      'The watch folder holds more files than can be followed at once: some have to wait for a place and may be taken in late.',
    action:
      'Look for files there that never stop changing or cannot be taken in, and for what writes them; remove them. Exporting fewer files at a time also helps.',
  },
  E_REJECTED_FULL: {
    meaning: 'The folder rejected/ has reached its limit: files that cannot be taken in stay where they are.',
    action:
      'Look at what is in rejected/ and where it comes from, then remove it; the remaining files follow.',
  },
  E_DISK_FULL: { meaning: 'The disk is full.', action: 'Free some space; work then resumes by itself.' },
  E_NO_ROOM: {
    meaning:
      'A sender asks for more room than its share: some of what it began is dropped, or new work of it is not begun.',
    action:
      'Run diode-receiver status --json to see what ran short (shortages), and look at that sender; other senders are not affected. If the vault itself is short of space, free some.',
  },
  E_DISK: {
    meaning: 'A disk operation failed.',
    action: 'Read the cause; check the disk and the file system.',
  },
  E_SPOOL_DAMAGED: {
    meaning: 'Files in the spool are missing, truncated or changed, and can no longer be sent.',
    action:
      'Run diode-sender verify to see which; check the disk, and send those instances from the scanner again.',
  },
  E_VAULT_DAMAGED: {
    meaning: 'Files in the vault were missing, truncated or changed; they are being collected again.',
    action:
      'Check the disk. diode-receiver missing names what has not come again yet; the damaged files are in damaged/ in the vault.',
  },
  E_COPY_WAITING: {
    meaning:
      'The copy of an instance that is to be sent out, with its preamble zeroed, has not been made yet.',
    action: 'It is made by itself, even after the disk was full: ask again in a moment.',
  },
  E_VERIFY: {
    meaning: 'The stored files differ from the ledger.',
    action: 'See the list above; check the disk before anything else.',
  },
  E_RETENTION_SHORT: {
    meaning: "Studies expire early because the spool's disk is above its high-water mark.",
    action:
      'Give the spool a larger disk, or lower spool.retainForDays: an expired study cannot be sent again.',
  },
  E_LEDGER: {
    meaning: 'The ledger cannot be opened or written.',
    action: 'Check the disk. Do not delete the ledger: it is the record of everything taken in.',
  },
  // Studies on the high side
  E_STUDY_INCOMPLETE: {
    meaning: 'A study still has instances missing after its deadline.',
    action: 'Run diode-receiver missing to see which, and have the sender send the study again.',
  },
  E_STUDY_UNCLAIMED: {
    meaning: 'Instances arrived that no manifest lists.',
    action: 'The sender may have stopped before it closed the study: start it, or close the study there.',
  },
  E_STUDY_MISSING: {
    meaning: "Nothing has ever arrived for one of the sender's study numbers.",
    action: 'Run diode-receiver missing to see which, and have the sender send the study again.',
  },
  E_STUDY_UNKNOWN: {
    meaning: 'There is no such study.',
    action: 'Run status to see the Study Instance UIDs and study numbers.',
  },
  E_STUDY_FULL: {
    meaning: 'A study has more instances or series than a manifest can list.',
    action:
      'The first ones are listed and released; the others are transmitted too, and the high side reports them as unclaimed. Find out why this study is so large.',
  },
  E_STUDY_STATE: {
    meaning: 'The state of the study does not allow this.',
    action: 'Run status to see its state.',
  },
  E_CONFLICT: {
    meaning:
      'An instance has the same UID as another one, but different content: it may be a corrected image, or belong to another sender. It is held.',
    action: 'Compare the two with diode-receiver quarantine show, then let the held one through or purge it.',
  },
  E_INSTANCE_MISMATCH: {
    meaning: 'An instance does not match its entry in the manifest.',
    action: 'It is held: examine it before anything else.',
  },
  E_PATIENT_MISMATCH: {
    meaning:
      'The instances of a study name two different patients, or have no identification of the patient in common; the study is held.',
    action: 'Ask the scanner staff whose images these are; release nothing before you know.',
  },
  E_GATE_GAVE_UP: {
    meaning: 'The gate took too long to examine the instance, or failed to; it is held.',
    action:
      'Find out where the file came from; if it opens elsewhere, let it through, and report the defect.',
  },
  E_GATE_BEHIND: {
    meaning:
      'Too many instances of this sender are waiting for the gate or the disk; no more are begun for now.',
    action:
      'Nothing if it ends soon: the instances come again. Otherwise check what this sender sends, and the disk.',
  },
  E_GATE_META: {
    meaning:
      'The file meta information names a different instance or SOP class than the data set; it is held.',
    action: 'Export it again from the scanner; compare both UIDs before you let it through.',
  },
  E_SOP_CLASS: {
    meaning: 'The gate does not let instances of this SOP class through; it is held.',
    action: 'Let it through, or change the list of SOP classes if you want this kind.',
  },
  E_ENCAPSULATED_DOCUMENT: {
    meaning: 'The instance contains a document for another program (PDF, CDA, STL and the like); it is held.',
    action: 'Let it through if you want the document, or allow such documents in the configuration.',
  },
  E_PREAMBLE: {
    meaning: 'Another program would run or open the preamble of this file; the instance is held.',
    action: 'Find out where the file came from; if you let it through, its preamble is zeroed.',
  },
  E_SCAN_WAITING: {
    meaning: 'The malware scanner has not examined the instance yet; it is held until then.',
    action: 'Nothing to do while the scanner works; otherwise see E_SCANNER.',
  },
  E_SCANNER: {
    meaning: 'The malware scanner does not answer; nothing passes until it does.',
    action:
      'Check clamd, and scan.socket or scan.host. Waiting instances are kept, and scanned as soon as it answers again.',
  },
  E_SCAN_REFUSED: {
    meaning:
      'The malware scanner works but rejects some instances, usually because they are too large for it.',
    action:
      'Set StreamMaxLength in clamd.conf above the size of the largest instance; the rejected ones are then tried again. Or let them through with quarantine release.',
  },
  E_MALWARE: {
    meaning: 'The malware scanner found something in the instance; it is held.',
    action: 'Tell whoever looks after the scanner that sent it; purge it unless it is a false alarm.',
  },
  E_PURGED: {
    meaning: 'A person purged the instance; its content was deleted, and it is kept out if it is sent again.',
    action: 'If you want it after all, purge it again with --again: the next pass then brings it.',
  },
  E_HELD_UNKNOWN: {
    meaning: 'No held instance has this id.',
    action: 'Run diode-receiver quarantine list to see the ids.',
  },
  E_RELEASE: {
    meaning:
      'A complete study could not be released, for a reason that concerns only this study; all others go on.',
    action:
      'Run diode-receiver missing for the reason. The release is tried again by itself; report it, with the log.',
  },
  E_STUDIES_FULL: {
    meaning:
      'A sender has so much unfinished that nothing more of it is kept; other senders are not affected.',
    action:
      'Run diode-receiver missing --sender ID; have the sender send what is missing, or find out why it announces so much.',
  },
  E_INBOX_TAKEN: {
    meaning: "Something else in the inbox already has the study's name.",
    action: 'Move it away; the release is tried again by itself.',
  },
  E_TICKET: {
    meaning: 'This is not a ticket, or the ticket is damaged.',
    action: 'Transfer the whole ticket again, or make a new one with diode-receiver missing.',
  },
  E_TICKET_FOREIGN: {
    meaning: 'The ticket is for another sender, or was made with another key.',
    action: 'Take it to the sender that it names.',
  },
  E_TICKET_FORGED: {
    meaning: 'The proof in the ticket is wrong.',
    action: 'Make a new one with diode-receiver missing; if it persists, compare the keys of the two sides.',
  },
  E_TICKET_USED: {
    meaning: 'The ticket was already used; what it asked for was queued then.',
    action: 'If instances are still missing, make a new one with diode-receiver missing.',
  },
  E_TICKET_EXPIRED: {
    meaning: 'The ticket is too old, or the sender no longer has what it asks for.',
    action: 'Make a new one; what the sender no longer has must be sent from the scanner again.',
  },
  // Senders
  E_SENDER_KEY: {
    meaning:
      'Something from a sender arrived under a key with a different name than the one the sender is bound to.',
    action:
      'If the sender now rightly uses a key of another name, run diode-receiver senders bind; if not, the host with that key is posing as another sender.',
  },
  E_SENDER_PLACES: {
    meaning: 'More sender ids use keys of one name than that name has places for; new ones are refused.',
    action:
      'See diode-receiver senders, and retire the ids that are out of use. Ids that nobody knows mean that the host with this key has been compromised.',
  },
  E_SENDER_SET_BACK: {
    meaning:
      'A sender continues with a lower session counter: it was restored from an older disk image, or someone is replaying a recording.',
    action:
      'Ask on the low side. If it was restored, run diode-receiver senders accept; if not, someone is replaying a recording of the link.',
  },
  E_SENDER_RENEWED: {
    meaning: "This sender's session counter reached its limit, so it continues under a new sender id.",
    action:
      'On the high side, retire the old id with diode-receiver senders retire; everything in its spool is sent under the new one.',
  },
  E_STUDY_NUMBERS: {
    meaning: 'A sender announces far more studies than anything received from it has named.',
    action:
      'Compare with diode-sender status there; set its highest study number right with diode-receiver senders correct.',
  },
  E_LOW_SIDE: {
    meaning: 'The sender reports a problem.',
    action: 'Look up the code named in the alarm, and act on the low side.',
  },
  // DICOM and DICOMweb peers
  E_DICOM_LISTEN: {
    meaning: 'The DICOM port cannot be opened.',
    action: 'Check the address and port; another process may be using it.',
  },
  E_DICOM_PROTOCOL: {
    meaning: 'A DICOM peer violated the protocol; its association was aborted.',
    action: 'If it is a scanner or PACS, tell its manufacturer; if not, find out what connects to this port.',
  },
  E_ASSOCIATION_REJECTED: {
    meaning: 'An association was rejected.',
    action: 'Compare AE titles, addresses and the number of associations that each side allows.',
  },
  E_ASSOCIATION_ABORTED: {
    meaning: 'An association ended before its work was done.',
    action: "If it happens once, nothing to do: it is tried again. If it persists, read the peer's log.",
  },
  E_ASSOCIATION_TIMEOUT: {
    meaning: 'A DICOM peer did not answer or send in time.',
    action: 'Check the peer and the network; if the peer is merely slow, raise the timeout.',
  },
  E_PEER_CONNECT: {
    meaning: 'The peer could not be reached.',
    action: 'Check its address and port, the network, and TLS if it is used.',
  },
  E_PEER_CONTEXT: {
    meaning: 'The destination does not accept this SOP class in this transfer syntax.',
    action: 'Configure the destination to accept it, or send this kind elsewhere.',
  },
  E_PEER_REFUSED: {
    meaning: 'The destination refused an instance.',
    action: "Read the status it returned, and look it up in the destination's log.",
  },
  E_PEER_HTTP: {
    meaning: 'The destination answered with an HTTP error.',
    action: "Check the URL and the credentials, and read the destination's log.",
  },
  E_DELIVERY_WAITING: {
    meaning: 'Instances have been waiting too long for their destination.',
    action:
      'Run diode-receiver destinations test. What is waiting is kept, and sent when the destination answers.',
  },
  E_DELIVERY_FAILED: {
    meaning: 'A destination refused instances permanently, or failed to take them again and again.',
    action:
      'Run diode-receiver deliveries for each reason; fix the cause, then run destinations retry or abandon.',
  },
  E_DELIVERY_NOWHERE: {
    meaning: 'Released instances are waiting for a destination that is not in the configuration.',
    action:
      'Add it, or change the rules and run destinations retry; or give the instances up with destinations abandon.',
  },
  E_CREDENTIALS: {
    meaning: "A destination's file of credentials, certificates or keys cannot be used.",
    action: 'Read the message; a secret must be readable by its owner only: chmod 600.',
  },
  E_REQUEST_TIMEOUT: {
    meaning: 'The running program did not answer the request in time.',
    action: 'See status and the log; the message says whether the request was withdrawn or is still done.',
  },
  E_NOT_RUNNING: {
    meaning: 'The program is not running: nothing was asked of it, and nothing will be done later.',
    action: 'Start it and run the command again.',
  },
  E_STATUS_VERSION: {
    meaning: 'The running program is of another version than this command line.',
    action: 'Restart the program, and run the command again.',
  },
  E_REQUESTS_FULL: {
    meaning: 'Too many requests are waiting for the program.',
    action: 'Find out what asks so often, and run the command again once they are answered.',
  },
  E_INSTALLATION: {
    meaning: 'A part of the program is missing or does not run on this machine.',
    action: 'Run npm run build, or reinstall this version.',
  },
  E_ALARMS: {
    meaning: 'There are more alarms with one code than are shown individually.',
    action:
      'Act on those that are shown; diode-receiver missing and quarantine list name what the others are about.',
  },
  E_INTERNAL: {
    meaning: 'The program detected an error in itself and stopped.',
    action: 'Its supervisor restarts it; report this, with the log.',
  },
} as const satisfies Record<string, Entry>;

export type ErrorCode = keyof typeof errorCatalogue;

/**
 * The codes of a full or failing disk, or of the ledger on it: a state that can pass. It is an alarm, and what could not
 * be written is written once it can be.
 */
export const storageCodes = ['E_DISK_FULL', 'E_DISK', 'E_LEDGER'] as const satisfies readonly ErrorCode[];

export function isStorageCode(code: ErrorCode): boolean {
  return storageCodes.some((each) => each === code);
}

/** Whether a string (from a ledger, a beacon) is a code that this version knows. */
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

/** The `code` of a Node system error (`ENOSPC`, `EADDRINUSE`), if it has one. */
export function errorCauseCode(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}
