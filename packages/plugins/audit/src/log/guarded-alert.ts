import { guarded } from '@sluice/core';
import type { AuditAlert } from './settings.ts';

const THREW = 'onAlert of audit threw';

/** A logger often fails together with the disk. That must not cost the log a record, or its next write. */
export function guardedAlert(tell: (alert: AuditAlert) => unknown): (alert: AuditAlert) => void {
  return (alert) => {
    guarded(THREW, () => {
      const told = tell(alert);
      if (told instanceof Promise)
        told.catch((error: unknown) => {
          guarded(THREW, () => {
            throw error;
          });
        });
    });
  };
}
