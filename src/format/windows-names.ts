/**
 * Names as Windows takes them ("Naming Files, Paths, and Namespaces", Microsoft). Some cannot be those of files; others lead to another
 * file, to a stream of one, to another drive or to a device. Names are with `/`.
 */

/** What Windows takes for a device, whatever follows the first dot. */
export const deviceName = /^(con|prn|aux|nul|clock\$|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?= *(\.|$))/i;

/** In UTF-16, of one name without its directories. */
const longest = 255;

/** Why no file can have this name on Windows, as what follows the name in a sentence; undefined where one can. */
export function whyNotOnWindows(name: string): string | undefined {
  for (const part of name.split('/')) {
    const why = problemOf(part);
    if (why !== undefined) return why;
  }
  return undefined;
}

function problemOf(part: string): string | undefined {
  // oxlint-disable-next-line no-control-regex
  const stranger = /[\\:<>"|?*\u0000-\u001f]/.exec(part)?.[0];
  if (stranger !== undefined) return `has ${JSON.stringify(stranger)} in it`;
  if (/[. ]$/.test(part)) return 'ends with a dot or a space';
  const device = deviceName.exec(part)?.[0];
  if (device !== undefined) return `is that of a device, ${device.toUpperCase()}`;
  return part.length > longest ? `is longer than ${longest} characters` : undefined;
}

/** The same for names that are of one file on Windows: small letters and capitals are. */
export function asOnWindows(name: string): string {
  return name.toUpperCase();
}
