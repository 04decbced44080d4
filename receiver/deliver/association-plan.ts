/**
 * Which instances go into one association. For each pair of SOP class and transfer syntax a presentation context with only
 * that transfer syntax is proposed, so that the answer covers each pair; 128 of them fit.
 */
import { associationLimits } from '../../shared/dicom/upper-layer/limits.ts';
import type {
  AcceptedContext,
  ProposedContext,
} from '../../shared/dicom/upper-layer/presentation-context.ts';
import type { InstanceFile } from './instance-file.ts';

export interface PlannedAssociation {
  readonly contexts: readonly (ProposedContext & { readonly abstractSyntax: string })[];
  readonly files: readonly InstanceFile[];
}

type Pair = Pick<InstanceFile, 'sopClassUid' | 'transferSyntaxUid'>;

const pairKey = ({ sopClassUid, transferSyntaxUid }: Pair): string => `${sopClassUid} ${transferSyntaxUid}`;

/** Splits a list into associations; the order of the instances is kept. */
export function planAssociations(
  files: readonly InstanceFile[],
  pairsMax: number = associationLimits.presentationContextsMax,
): PlannedAssociation[] {
  const planned: PlannedAssociation[] = [];
  let pairs = new Map<string, Pair>();
  let group: InstanceFile[] = [];
  const finish = (): void => {
    if (group.length > 0) planned.push({ contexts: proposals([...pairs.values()]), files: group });
    pairs = new Map();
    group = [];
  };
  for (const file of files) {
    if (!pairs.has(pairKey(file)) && pairs.size === pairsMax) finish();
    pairs.set(pairKey(file), file);
    group.push(file);
  }
  finish();
  return planned;
}

function proposals(pairs: readonly Pair[]): PlannedAssociation['contexts'] {
  return pairs.map(({ sopClassUid, transferSyntaxUid }, index) => ({
    id: 2 * index + 1,
    abstractSyntax: sopClassUid,
    transferSyntaxes: [transferSyntaxUid],
  }));
}

/** The accepted context an instance can be sent in. */
export function contextFor(
  file: InstanceFile,
  contexts: readonly AcceptedContext[],
): AcceptedContext | undefined {
  return contexts.find(
    ({ abstractSyntax, transferSyntax }) =>
      abstractSyntax === file.sopClassUid && transferSyntax === file.transferSyntaxUid,
  );
}
