/** What has to be true beside a hostile peer: of each honest file, of what a person is told, and of what the receiver takes. */
import { createHash } from 'node:crypto';
import { type MissingRow, missingAccount } from '../../receiver/studies/missing.ts';
import { planTicket, wantedStudies } from '../../receiver/studies/ticket-plan.ts';
import { assert, present } from '../../shared/assert.ts';
import { readInstanceHeader } from '../../shared/dicom/instance-header.ts';
import { DiodeError } from '../../shared/errors.ts';
import { limits } from '../../shared/wire/limits.ts';
import { encodeTicket } from '../../shared/wire/ticket.ts';
import { fullPercent, type HighSide, inboxFolder } from './high-side.ts';
import type { HostilePlan, PlannedFile } from './hostile-plan.ts';
import type { World } from './world.ts';

/** As many rows as the command shows. */
const missingShown = 1000;
const silenceMs = 10_000;
/** Alarms that stand at most, of all senders. */
const standingMax = 1000;
/** A line in the log for each beginning and end: so many of one alarm, and each second two more. */
const edgesFree = 40;
/** All of one code and source in ten minutes. The sources are the senders, the hostile one, and the host itself. */
const edgesOfSourceMax = 100;
const edgeWindowMs = 600_000;
/** What is written when the disk has just become full. */
const fullSlackBytes = 40_000;
/** Numbers that one sender can have forgotten. */
const forgottenMax = 10_000;

export interface HostileAccountOptions {
  readonly world: World;
  readonly hostileId: string;
  /** Study and SOP Instance UIDs of honest files that the peer used for others. */
  readonly contested: ReadonlySet<string>;
  /** Studies of the peer that are to be held, whatever else is in them. */
  readonly tooExpensive: ReadonlySet<string>;
  readonly memoryBytes: number;
  readonly openObjectsMax: number;
  readonly deadlineMs: number;
}

export class HostileAccount {
  readonly #options: HostileAccountOptions;

  constructor(options: HostileAccountOptions) {
    this.#options = options;
  }

  get #high(): HighSide {
    return this.#options.world.high;
  }

  /** What is true at every moment. */
  look(): void {
    const { memoryBytes, openObjectsMax } = this.#options;
    const { pipeline, disk, alarms } = this.#high;
    const { assembler } = pipeline;
    assert(assembler.usedBytes <= memoryBytes + 100_000, `open blocks use ${assembler.usedBytes} bytes`);
    assert(assembler.openObjects <= openObjectsMax, `${assembler.openObjects} objects are open`);
    const standing = alarms.standing().length;
    assert(standing <= standingMax, `${standing} alarms stand`);
    if (disk.capacityBytes === Number.POSITIVE_INFINITY) return;
    const used = disk.capacityBytes - disk.freeBytes().free;
    const most = (disk.capacityBytes * fullPercent) / 100 + fullSlackBytes;
    assert(used <= most, `${used} of ${disk.capacityBytes} bytes of the disk are used`);
  }

  /** Whether each file has come to where it should. */
  isSettled(files: readonly PlannedFile[]): boolean {
    return files.every((file) => this.#wrongOf(file) === undefined);
  }

  checkOutcomes(files: readonly PlannedFile[]): void {
    for (const file of files) {
      const wrong = this.#wrongOf(file);
      const what = `${file.isMixed ? 'of two patients' : 'sound'}, sender ${this.#senderOf(file)}`;
      assert(wrong === undefined, `an honest file (${what}) is ${wrong}`);
    }
  }

  /** At the end of a run. */
  check(plan: HostilePlan, withTickets: boolean): void {
    this.look();
    this.checkOutcomes(plan.files);
    this.#checkInbox(plan.files);
    this.#checkHolds(plan);
    this.#checkSenders(plan);
    this.#checkMissing(plan);
    this.#checkExpensive();
    this.#checkRows();
    this.#checkLog(plan);
    if (withTickets)
      for (const senderId of [this.#options.hostileId, ...plan.senderIds]) this.#ticket(senderId);
  }

  /** @returns what is wrong with where it is */
  #wrongOf(file: PlannedFile): string | undefined {
    const { ledger } = this.#high;
    const sha256 = sha256Of(file.bytes);
    const row = ledger.instances
      .ofStudy(this.#senderOf(file), file.studyUid)
      .find((candidate) => candidate.sha256 === sha256);
    if (row === undefined) return 'not there';
    const isContested = this.#isContested(file);
    const { heldBecause } = row;
    if (file.isMixed) {
      if (row.releasedRevision !== undefined) return 'released';
      return heldBecause === 'E_PATIENT_MISMATCH' || (isContested && heldBecause !== undefined)
        ? undefined
        : `held because ${heldBecause}`;
    }
    if (row.releasedRevision !== undefined) return undefined;
    if (heldBecause === undefined) return 'there and not released';
    return isContested ? undefined : `held because ${heldBecause}`;
  }

  #isContested({ studyUid, sopInstanceUid }: PlannedFile): boolean {
    const { contested } = this.#options;
    return contested.has(studyUid) || contested.has(sopInstanceUid);
  }

  #senderOf(file: Pick<PlannedFile, 'sender'>): string {
    return present(this.#options.world.lows[file.sender], 'the sender of a file').senderId;
  }

  /** Each instance is in the inbox once, of whichever sender it is, and an honest one that is out byte for byte. */
  #checkInbox(files: readonly PlannedFile[]): void {
    const { ledger, disk } = this.#high;
    const inbox = new Map<string, string>();
    for (const [path, bytes] of disk.contents(inboxFolder)) {
      const header = readInstanceHeader(bytes, bytes.length);
      const isRead = header !== 'needs-more' && !(header instanceof DiodeError);
      assert(isRead, `what is in the inbox can not be read: ${path}`);
      const { sopInstanceUid } = header;
      assert(!inbox.has(sopInstanceUid), `an instance is in the inbox twice: ${path}`);
      inbox.set(sopInstanceUid, sha256Of(bytes));
    }
    for (const file of files) {
      const rows = ledger.instances.ofStudy(this.#senderOf(file), file.studyUid);
      const row = rows.find(({ sha256 }) => sha256 === sha256Of(file.bytes));
      if (row?.releasedRevision === undefined) continue;
      assert(inbox.get(file.sopInstanceUid) === row.sha256, 'an honest file that is out is not in the inbox');
    }
  }

  /** What is held of an honest sender is in quarantine, and an alarm says it. */
  #checkHolds(plan: HostilePlan): void {
    const { ledger, alarms } = this.#high;
    const standing = alarms.standing();
    for (const file of plan.files) {
      const rows = ledger.instances.ofStudy(this.#senderOf(file), file.studyUid);
      const listed = new Set(ledger.holds.named(file.studyUid, 1000).map(({ objectId }) => objectId));
      for (const { objectId, heldBecause } of rows) {
        if (heldBecause === undefined) continue;
        assert(listed.has(objectId), `what is held of an honest study is not listed: ${file.studyUid}`);
        const isSaid = standing.some(
          ({ code, subject }) => code === heldBecause && subject.includes(file.studyUid),
        );
        assert(isSaid, `no alarm says that an honest study is held: ${heldBecause} ${file.studyUid}`);
      }
    }
  }

  #checkSenders({ senderIds, fallsSilent }: HostilePlan): void {
    const { pipeline, alarms } = this.#high;
    const statuses = pipeline.senders.statuses();
    const standing = alarms.standing();
    for (const [index, senderId] of senderIds.entries()) {
      const isSilent = fallsSilent && index === 1;
      const age = statuses.find((status) => status.senderId === senderId)?.beaconAgeMs;
      const isSaid = standing.some(
        ({ code, subject }) => code === 'E_NO_BEACON' && subject.includes(senderId),
      );
      if (isSilent) {
        assert(isSaid, 'no alarm says that an honest sender is silent');
        continue;
      }
      assert(
        age !== undefined && age < silenceMs,
        `the beacons of an honest sender are not taken: ${age} ms`,
      );
      assert(!isSaid, 'an honest sender that speaks is said to be silent');
    }
  }

  /** Of the honest ones exactly that is missing which is. */
  #checkMissing({ senderIds, lost }: HostilePlan): void {
    const { alarms } = this.#high;
    for (const [index, senderId] of senderIds.entries()) {
      const rows = this.#missingOf(senderId);
      const isLosing = lost !== undefined && lost.sender === index;
      const others = rows.filter(
        ({ studyUid }) =>
          studyUid !== lost?.studyUid && (studyUid === undefined || !this.#options.contested.has(studyUid)),
      );
      const [other] = others;
      assert(other === undefined, `of an honest sender something is said to be missing: ${other?.cause}`);
      if (!isLosing) continue;
      const number = this.#numberOf(lost);
      const row = rows.find(({ studyNumber }) => studyNumber === number);
      assert(row !== undefined, 'an honest study that never came is not named as missing');
      // Who plays back its list makes it one that misses its instances.
      const isSaid = alarms
        .standing()
        .some(
          ({ code, subject }) =>
            (code === 'E_STUDY_MISSING' && subject.includes(`${senderId} ${number}`)) ||
            (code === 'E_STUDY_INCOMPLETE' && subject.includes(lost.studyUid)),
        );
      assert(isSaid, 'no alarm says that an honest study never came');
      const ticket = this.#ticket(senderId);
      const isAsked = ticket?.studies.some(({ study }) => study.studyNumber === number);
      assert(isAsked === true, 'a ticket does not ask for an honest study that never came');
    }
  }

  #numberOf(file: PlannedFile): number {
    const low = present(this.#options.world.lows[file.sender], 'the sender of a file');
    return present(low.ledger.studies.get(file.studyUid)?.studyNumber, 'a closed study has its number');
  }

  /** As the command does. */
  #missingOf(senderId: string): readonly MissingRow[] {
    return missingAccount(this.#high.ledger, missingShown, { senderId }).rows;
  }

  #ticket(senderId: string) {
    const { ledger } = this.#high;
    const secret = new Uint8Array(32);
    const wanted = wantedStudies(ledger, this.#missingOf(senderId));
    const ticketId = '00'.repeat(8);
    return planTicket(wanted, (studies) =>
      encodeTicket({ senderId, ticketId, day: 1, keyId: 1, studies }, secret),
    );
  }

  #checkExpensive(): void {
    const { tooExpensive, hostileId } = this.#options;
    for (const studyUid of tooExpensive) {
      const isOut = this.#high.ledger.instances.isAnyReleased(hostileId, studyUid);
      assert(!isOut, 'a file of millions of empty elements was released');
    }
  }

  #checkRows(): void {
    const { ledger } = this.#high;
    const senders = ledger.senders.all();
    assert(senders.length <= limits.sendersMax, `the ledger has ${senders.length} senders`);
    const forgotten = senders.reduce(
      (sum, { senderId }) => sum + ledger.senderReports.forgotten(senderId, 1_000_000).length,
      0,
    );
    assert(forgotten <= forgottenMax * senders.length, `the ledger has ${forgotten} forgotten numbers`);
  }

  #checkLog({ restarts }: HostilePlan): void {
    const { world } = this.#options;
    const most = edgesFree + (2 * world.clock.monotonicMs()) / 1000;
    const { alarmEdges } = this.#high;
    for (const [alarm, edges] of alarmEdges)
      assert(edges <= most, `one alarm was raised and cleared ${edges} times: ${alarm}`);
    const codes = new Set([...alarmEdges.keys()].map((alarm) => alarm.split(' ')[0])).size;
    const all = [...alarmEdges.values()].reduce((sum, edges) => sum + edges, 0);
    const windows = 1 + restarts.size + Math.ceil(world.clock.monotonicMs() / edgeWindowMs);
    const mostOfAll = edgesOfSourceMax * codes * (world.lows.length + 2) * windows;
    assert(all <= mostOfAll, `${all} beginnings and ends of ${codes} alarms, more than ${mostOfAll}`);
  }
}

function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
