import path from 'node:path';

/** Where extent `number` of a queue is: beside its file (format document, 4.9). */
export function extentPath(queue: string, number: number): string {
  return path.join(path.dirname(queue), `__dbq.${path.basename(queue)}.${number}`);
}
