/** In the place of `commands/schedule/own-program.ts`. */
export function ownProgram(): readonly string[] {
  return [process.execPath];
}
