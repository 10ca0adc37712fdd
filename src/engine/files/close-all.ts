/** Closes all of them, whatever fails; throws the first failure. */
export function closeAll(opened: Iterable<{ close(): void }>): void {
  const failures: unknown[] = [];
  for (const each of opened) {
    try {
      each.close();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
