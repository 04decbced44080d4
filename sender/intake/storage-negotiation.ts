/**
 * Which associations and presentation contexts the low side accepts: known callers only, any SOP class that can be
 * stored, any transfer syntax as offered.
 */

import { transferSyntaxUids } from '../../shared/dicom/transfer-syntax.ts';
import type { AssociateRequest } from '../../shared/dicom/upper-layer/associate-pdu.ts';
import { dicomApplicationContext } from '../../shared/dicom/upper-layer/implementation.ts';
import {
  type AnsweredContext,
  contextResults,
  type ProposedContext,
} from '../../shared/dicom/upper-layer/presentation-context.ts';
import { type Rejection, rejections } from '../../shared/dicom/upper-layer/short-pdus.ts';
import type { ApplicationEntity } from './instance-sink.ts';

export const serviceUids = {
  verification: '1.2.840.10008.1.1',
  storageCommitment: '1.2.840.10008.1.20.1',
  performedProcedureStep: '1.2.840.10008.3.1.2.3.3',
} as const;

/**
 * SOP classes of services other than storage: notification, patient and procedure management, printing, query and
 * retrieve, worklists (PS3.4; PS3.6 annex A). Everything else may be an object, especially private ones.
 */
const otherServices = [
  /^1\.2\.840\.10008\.1\.(3\.10|9|40|42)(\.|$)/,
  /^1\.2\.840\.10008\.1\.20\.(?!1$)/,
  /^1\.2\.840\.10008\.3\.1\.2\./,
  /^1\.2\.840\.10008\.5\.1\.1\.(?!(27|29|30)$)/,
  /^1\.2\.840\.10008\.5\.1\.4\.1\.2\./,
  /^1\.2\.840\.10008\.5\.1\.4\.(31|32(\.\d+)?|33|37(\.\d+)?|41|42)$/,
  /^1\.2\.840\.10008\.5\.1\.4\.34\.([1-6]|6\.\d+)$/,
  /^1\.2\.840\.10008\.5\.1\.4\.(38|39|43|44|45)\.[2-4]$/,
];

/** Whether instances of this SOP class may be stored. */
export function isStorable(sopClassUid: string): boolean {
  const named: readonly string[] = Object.values(serviceUids);
  return !named.includes(sopClassUid) && !otherServices.some((service) => service.test(sopClassUid));
}

/** One of our titles, with its permitted callers ready for lookup. */
export interface CalledEntity {
  readonly entity: ApplicationEntity;
  readonly isAddressAllowed: (address: string) => boolean;
}

/** The AE title that was called, or why the association is rejected (PS3.8 table 9-21). */
export function judgeRequest(
  request: AssociateRequest,
  address: string,
  entities: readonly CalledEntity[],
): ApplicationEntity | Rejection {
  if (!request.versionSupported) return rejections.protocolVersion;
  if (request.applicationContext !== dicomApplicationContext) return rejections.applicationContext;
  const open = entities.filter(
    ({ entity, isAddressAllowed }) =>
      (entity.callingTitles?.includes(request.callingAe) ?? true) && isAddressAllowed(address),
  );
  // A stranger cannot learn which titles exist, or whether the address or the name was wrong.
  if (open.length === 0) return rejections.callingAe;
  const called = open.find(({ entity }) => entity.title === request.calledAe);
  return called?.entity ?? rejections.calledAe;
}

/** The answer to each proposed context. Of several transfer syntaxes, the scanner's first is chosen. */
export function answerContexts(
  contexts: readonly ProposedContext[],
  options: { readonly performedProcedureSteps: boolean },
): AnsweredContext[] {
  return contexts.map(({ id, abstractSyntax, transferSyntaxes }) => {
    const isStep = abstractSyntax === serviceUids.performedProcedureStep;
    const isCommitment = abstractSyntax === serviceUids.storageCommitment;
    const transferSyntax = isStep || isCommitment ? transferSyntaxes.find(isPlain) : transferSyntaxes[0];
    const taken =
      abstractSyntax !== undefined &&
      (isStorable(abstractSyntax) ||
        abstractSyntax === serviceUids.verification ||
        // Accepted even if each request is refused: then the scanner learns the reason.
        isCommitment ||
        (isStep && options.performedProcedureSteps));
    if (!taken) return refused(id, contextResults.abstractSyntaxNotSupported);
    if (transferSyntax === undefined) return refused(id, contextResults.transferSyntaxesNotSupported);
    return { id, result: contextResults.accepted, transferSyntax };
  });
}

/** What we read ourselves must be neither compressed nor deflated. */
function isPlain(transferSyntaxUid: string): boolean {
  const { implicitLittleEndian, explicitLittleEndian, explicitBigEndian } = transferSyntaxUids;
  return [implicitLittleEndian, explicitLittleEndian, explicitBigEndian].some(
    (uid) => uid === transferSyntaxUid,
  );
}

function refused(id: number, result: number): AnsweredContext {
  return { id, result, transferSyntax: undefined };
}
