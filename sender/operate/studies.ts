/** What the running sender does when a person closes studies before their quiet time is over. */
import { z } from 'zod';
import { countText } from '../../shared/console/quantities.ts';
import {
  type Acted,
  auditedForm,
  type Operation,
  operation,
  whoFields,
} from '../../shared/program/operations.ts';
import { isUid } from '../../shared/wire/limits.ts';
import { closeReason } from '../../shared/wire/manifest.ts';
import type { ClosedStudy, StudyClosing } from '../schedule/study-closing.ts';

export const closeStudiesForm = auditedForm(
  'close',
  z.strictObject({ ...whoFields, studyUid: z.string().refine(isUid).optional() }),
);

export interface StudyParts {
  readonly closing: Pick<StudyClosing, 'closeWithin'>;
  /** Announces the closed studies, and sends their lists. */
  readonly studiesClosed: (closed: ClosedStudy[]) => void;
}

export function studyOperations(parts: StudyParts): readonly Operation[] {
  return [operation(closeStudiesForm, ({ studyUid }) => close(parts, studyUid))];
}

function close({ closing, studiesClosed }: StudyParts, studyUid: string | undefined): Acted {
  const closed = closing.closeWithin(studyUid, closeReason.forced);
  const told = {
    detail:
      closed.length === 0 ? 'no study is open' : `${countText(closed.length, 'study', 'studies')} closed`,
    facts: { studies: closed.length },
  };
  return {
    audit: { action: 'close study', subjects: closed.map((study) => study.studyUid) },
    told,
    afterwards: () => {
      studiesClosed(closed);
      return told;
    },
  };
}
