/** Why a record of a container cannot be read: it is damaged, or of a form that no release known writes. */
export class DocumentProblem extends Error {
  override readonly name = 'DocumentProblem';
}
