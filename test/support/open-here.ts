/** What this process has open, as the operating system says. */

import fs from 'node:fs';
import path from 'node:path';
import { nodeFiles } from '../../src/engine/files/node-files.ts';
import { isWindows } from './windows.ts';

/** The files that this process has open below a directory. Windows tells it of those that still have a name, whoever has them open. */
export function openBelow(directory: string): readonly string[] {
  if (isWindows) return filesBelow(directory).filter((file) => nodeFiles.isOpen(file));
  const opened = fs.readdirSync('/proc/self/fd').flatMap((descriptor) => {
    // The one of this list is gone.
    const link = path.join('/proc/self/fd', descriptor);
    return fs.existsSync(link) || fs.lstatSync(link, { throwIfNoEntry: false }) ? [fs.readlinkSync(link)] : [];
  });
  return opened.filter((file) => file.startsWith(directory));
}

function filesBelow(directory: string): readonly string[] {
  const entries = fs.readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}
