import { type Lsn } from '../lsn.ts';
import { type RecordCursor } from './cursor.ts';

/** How to read the body of one record type, from one log version on. */
export interface RecordLayout<Body> {
  readonly code: number;
  /** Berkeley DB's own name, without underscores in front. */
  readonly name: string;
  /** The first log version with this layout. */
  readonly since: number;
  /** The last log version in which the record exists. */
  readonly until: number;
  readonly decode: (r: RecordCursor) => Body;
}

export type BodyOf<Layout> = Layout extends RecordLayout<infer Body> ? Body : never;

export function record<Body>(
  code: number,
  name: string,
  since: number,
  decode: (r: RecordCursor) => Body,
  until = 23,
): RecordLayout<Body> {
  return { code, name, since, until, decode };
}

/** One record of the log. `body` has the shape of the layout of its code and log version. */
export interface LogRecord<Body = unknown> {
  readonly lsn: Lsn;
  readonly code: number;
  readonly txnId: number;
  readonly prevLsn: Lsn;
  readonly body: Body;
}
