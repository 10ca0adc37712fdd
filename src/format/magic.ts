/** Magic numbers and version ranges (format document, section 0.1). */

export const logMagic = 0x00040988;
export const regionMagic = 0x00120897;
export const placeholderMagic = 0x00030800;

/** Log versions whose records this program reads: 4.8.26 (16) to 18.1 (23). */
export const oldestLogVersion = 16;
export const newestLogVersion = 23;

/** Per access method: magic number, type of its metadata page, and the versions that are read. */
export const accessMethods = {
  btree: { magic: 0x00053162, metaType: 9, oldest: 8, newest: 10 },
  hash: { magic: 0x00061561, metaType: 8, oldest: 7, newest: 10 },
  queue: { magic: 0x00042253, metaType: 10, oldest: 3, newest: 4 },
  heap: { magic: 0x00074582, metaType: 14, oldest: 1, newest: 2 },
} as const;

export type AccessMethod = keyof typeof accessMethods;

/** The access method a magic number stands for, or undefined. */
export function accessMethodOf(magic: number): AccessMethod | undefined {
  for (const name in accessMethods) {
    if (accessMethods[name as AccessMethod].magic === magic) return name as AccessMethod;
  }
  return undefined;
}
