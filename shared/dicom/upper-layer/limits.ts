/**
 * Every limit of DICOM associations, in one place. Nothing that a peer announces is allocated, waited for or used as
 * an index before it is checked against these.
 */
export const associationLimits = {
  /** What we announce as the longest P-DATA-TF we accept (PS3.8 annex D.1), not counting the header of 6 bytes. */
  dataPduBytesMax: 262_144,
  /** Longest P-DATA-TF we send, whatever the peer announces: larger ones are no faster. */
  sentPduBytesMax: 131_072,
  /** Peers that announce less leave no room for a useful fragment. */
  announcedPduBytesMin: 128,
  /** A-ASSOCIATE-RQ and -AC: 128 contexts with 60 transfer syntaxes each fit. It is collected as it comes. */
  associatePduBytesMax: 524_288,
  /** Odd numbers from 1 to 255 (PS3.8 section 9.3.2.2). */
  presentationContextsMax: 128,
  transferSyntaxesMax: 256,
  /** PS3.8 section 9.3.2: 16 characters. */
  aeTitleCharacters: 16,
  /** Group 0000 of one message. Real ones have 100 to 300 bytes. */
  commandBytesMax: 16_384,
  commandElementsMax: 64,
  /** Data set of N-CREATE, N-SET and N-ACTION (procedure steps, storage commitment), kept in memory. */
  messageDataSetBytesMax: 4 * 2 ** 20,
  /** For all scanners together, while they arrive. */
  arrivingMessageBytesMax: 32 * 2 ** 20,
  /** In one performed procedure step, and of the studies it belongs to. Real ones list a few thousand images. */
  procedureStepReferencesMax: 10_000,
  procedureStepStudiesMax: 1_000,
  /** All steps of all scanners; and the lists of ended ones, until the images have come. */
  procedureStepBytesMax: 32 * 2 ** 20,
  /** Of a request for storage commitment. */
  commitmentReferencesMax: 20_000,
  /** Connections from one address that have not requested an association yet: one host must not take them all. */
  pendingPerAddressMax: 16,
  /** Bytes discarded while a connection is being closed, so that the peer can still read our last PDU. */
  discardedBytesMax: 4 * 2 ** 20,
} as const;
