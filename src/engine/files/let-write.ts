import { type Files } from './files.ts';

const ownersMode = 0o600;

/** Lets us read and write a copy that we made, where its source allows nobody to; who recovers gives it its permissions back. */
export function letWrite(files: Files, file: string): void {
  const stat = files.statIfThere(file)!;
  if ((stat.mode & ownersMode) !== ownersMode) files.setOwner(file, { ...stat, mode: stat.mode | ownersMode });
}
